/** What the run hands to the tests in workerd, which have no file system and trust no key of the repository. */
import type { JWK } from "jose"
import type { BundleBody } from "../../src/core/policy/bundle.ts"

export interface Provided {
  /** `policies/`, which the demo runs on. */
  starter: BundleBody
  /** test/harness/yard. */
  yard: BundleBody
  /** test/harness/archive. */
  archive: BundleBody
  /** `starters/ci-agent`. */
  ciAgent: BundleBody
  /** Private key of the publisher that the Worker trusts in this run. */
  publisher: JWK
  /** Of receivers, by id; as the Worker has them. */
  webhookSecrets: Readonly<Record<string, string>>
  /** The key of the scraper that the Worker knows in this run. */
  scrapeKey: string
  /** Origin of the server of key documents (test/node/issuer-server.ts). */
  issuerServer: string
  /**
   * Servers for the probe to ask (test/node/mcp-servers.ts): endpoints of two real ones, origin of the one that is
   * told.
   */
  mcpServers: { readonly desk: string; readonly billing: string; readonly everything: string; readonly told: string }
  /** By how much more often than usually properties run (runs.ts). */
  runs: number
  /** Inputs that parsers are fuzzed from, by parser, and the seed of this run (test/node/fuzz-corpus.ts). */
  fuzz: { readonly corpus: Readonly<Record<string, readonly string[]>>; readonly seed: number }
  /** How many calls each kind of guardrail is driven for (test/soak), and from which seed. */
  soak: { readonly calls: number; readonly seed: number }
  /** Ports of the built Worker, and of what stands for its KV and its cache (test/node/wire-server.ts). */
  wire: { readonly worker: number; readonly kv: number; readonly cache: number }
}

declare module "vitest" {
  interface ProvidedContext extends Provided {}
}
