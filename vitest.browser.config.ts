import { defineConfig } from "vitest/config"

/** People's pages in a real Chromium, where it is installed (test/browser/browser.ts), against a local stack. */
export default defineConfig({
  test: {
    include: ["test/browser/**/*.test.ts"],
    reporters: ["verbose"],
    // Each starts a stack and a browser.
    maxWorkers: 1,
    hookTimeout: 120_000,
    testTimeout: 60_000,
  },
})
