/** Narrowgate as a Worker beside others, where tests do not start it themselves. */
import { definitionOf } from "./definition.ts"
import { refuseUnknown, WORKER } from "./kit/options.ts"
import type { NarrowgateWorkerOptions, WorkerDefinition } from "./types.ts"

/**
 * Narrowgate as an auxiliary Worker: for Cloudflare's pool for Vitest, or beside your own Worker in miniflare. Bind the
 * entry point `TestKit` to your tests, and `Authorizer` to your Worker.
 */
export async function narrowgateWorker(options: NarrowgateWorkerOptions): Promise<WorkerDefinition> {
  refuseUnknown("`narrowgateWorker`", options, WORKER)
  const { name = "narrowgate", issuer = "https://narrowgate.test", ...policies } = options
  // Loaded here, because `startNarrowgate` loads the compiler while the runtime starts.
  const { setupOf } = await import("./policies.ts")
  return definitionOf(name, { ...(await setupOf(policies)), issuer })
}
