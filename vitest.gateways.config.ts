import { defineConfig } from "vitest/config"

/**
 * Real gateways, where they are installed (test/gateways/installed.ts), in front of the real Worker. Names of tests are
 * printed: one that is skipped says so.
 */
export default defineConfig({
  test: {
    include: ["test/gateways/**/*.test.ts"],
    reporters: ["verbose"],
    // One at a time: each starts a stack and a gateway.
    maxWorkers: 1,
    // Names whole: rows speak of cases by them.
    chaiConfig: { truncateThreshold: 200 },
    hookTimeout: 120_000,
    testTimeout: 60_000,
  },
})
