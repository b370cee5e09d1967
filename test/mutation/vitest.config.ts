import { defineConfig } from "vitest/config"

/**
 * What decides is pure, so for mutation testing it runs in Node, where a mutant costs milliseconds; as oracle, a short
 * run.
 */
export default defineConfig({
  test: {
    include: ["test/core/policy/**/*.test.ts", "test/node/oracle.test.ts"],
    env: { ORACLE_CASES: "300" },
    testTimeout: 60_000,
  },
})
