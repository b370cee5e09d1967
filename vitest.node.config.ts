import { defineConfig } from "vitest/config"

/** What needs Node: the official Cedar engine as oracle, the command line. Everything else runs in workerd. */
export default defineConfig({ test: { include: ["test/node/**/*.test.ts"], testTimeout: 30_000 } })
