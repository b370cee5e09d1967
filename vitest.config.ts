import { randomBytes } from "node:crypto"
import { cloudflareTest } from "@cloudflare/vitest-plugin"
import { defineConfig } from "vitest/config"
import { generatePublisherKey } from "./cli/compiler/sign.ts"

// A publisher made for this run: the Worker trusts its public half, the tests sign with the other.
const publisher = await generatePublisherKey()
// What receivers of notices know, made for this run too: the keys of `desk` are being changed.
const webhookKey = (): string => `whsec_${randomBytes(32).toString("base64")}`
const webhookSecrets = {
  desk: `${webhookKey()} ${webhookKey()}`,
  chat: "https://chat.test/hooks/T0/B0/secret",
  inside: "https://10.0.0.1/hooks/secret",
  broken: "whsec_short",
  other: randomBytes(24).toString("base64url"),
}
const bindings = {
  PUBLISHER_KEYS: JSON.stringify({ keys: [publisher.publicJwk] }),
  WEBHOOK_SECRETS: JSON.stringify(webhookSecrets),
}

export default defineConfig({
  plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { bindings } })],
  test: {
    include: ["test/**/*.test.ts"],
    exclude: [
      "test/node/**",
      "test/spire/**",
      "test/gateways/**",
      "test/browser/**",
      "test/conformance/**",
      "test/wire/**",
      "test/long/**",
    ],
    globalSetup: [
      "./test/node/compiled-policies.ts",
      "./test/node/fuzz-corpus.ts",
      "./test/node/issuer-server.ts",
      "./test/node/mcp-servers.ts",
      "./test/node/quiet-runtime.ts",
    ],
    setupFiles: ["./test/harness/each-file.ts"],
    // An isolate for each file would take a second of a processor, a hundred times.
    isolate: false,
    // More than there may be processors: most of the time goes into waiting, for records, for time-outs.
    maxWorkers: 4,
    // A busy machine is no failure.
    testTimeout: 60_000,
    // Events that a test provokes are the Worker's own log; what else is printed is worth reading.
    onConsoleLog: (log) => !log.startsWith('{"event":'),
    provide: {
      publisher: publisher.privateJwk,
      webhookSecrets,
      runs: Number(process.env["PROPERTY_RUNS"] ?? 1),
      soak: { calls: Number(process.env["SOAK_CALLS"] ?? 10_000), seed: Number(process.env["SOAK_SEED"] ?? 1) },
    },
  },
})
