import { defineConfig } from "vitest/config"

/** A long life of the built Worker in a bare workerd, killed again and again: `LONG_SECONDS`, four minutes by default. */
export default defineConfig({
  test: {
    include: ["test/long/**/*.test.ts"],
    reporters: ["verbose"],
    // One life, looked at by all tests.
    maxWorkers: 1,
    testTimeout: 60_000,
  },
})
