import { defineConfig } from "vitest/config"
import { COMMAND_TESTS } from "./vitest.node.config.ts"

export default defineConfig({ test: { include: COMMAND_TESTS, testTimeout: 60_000 } })
