import { cloudflareTest } from "@cloudflare/vitest-plugin"
import { defineConfig } from "vitest/config"

/** What a real HTTP parser makes of the attacks: the tests run in workerd, the Worker under test in another one. */
export default defineConfig({
  plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" } })],
  test: {
    include: ["test/wire/**/*.test.ts"],
    globalSetup: ["./test/node/compiled-policies.ts", "./test/node/issuer-server.ts", "./test/node/wire-server.ts"],
    maxWorkers: 1,
    testTimeout: 60_000,
  },
})
