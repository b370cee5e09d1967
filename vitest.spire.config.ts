import { defineConfig } from "vitest/config"

/**
 * With a real SPIRE, where spire-server and spire-agent are on the PATH. Names of tests are printed: one that is
 * skipped says so, and why.
 */
export default defineConfig({
  test: {
    include: ["test/spire/**/*.test.ts"],
    reporters: ["verbose"],
    hookTimeout: 60_000,
    testTimeout: 40_000,
  },
})
