/** What the steps of a request may use besides their input. It is made once for each request and passed down, never global. */
import type { Config } from "./platform/config.ts"
import { configOf } from "./platform/config.ts"
import { inJurisdiction } from "./platform/jurisdiction.ts"
import { Waits } from "./platform/waits.ts"
import type { FetchContext } from "./credentials/key-sets/key-set.ts"
import { ownKeys, type KeyFinder } from "./credentials/key-sets/own-keys.ts"
import { keyRing } from "./signing/key-ring.ts"
import type { Bundle } from "./core/policy/assemble.ts"
import { currentCandidate } from "./bundles/candidate.ts"
import { bundleAtHand, currentBundle, newestBundle } from "./bundles/store.ts"
import { bundleSource } from "./bundles/source.ts"

export interface RequestContext {
  readonly env: Env
  readonly config: Config
  readonly keys: KeyFinder
  /** Milliseconds since the epoch, when the request arrived. */
  readonly receivedAt: number
  /** Takes work that the answer does not wait for. */
  readonly background: (work: Promise<unknown>) => void
  /** What fetching the keys of others depends on. */
  readonly fetchContext: FetchContext
  readonly waits: Waits
}

export function requestContext(given: Env, background: RequestContext["background"]): RequestContext {
  const receivedAt = Date.now()
  const env = inJurisdiction(given)
  const config = configOf(env)
  const fetchKeys = async () => keyRing(env).publicKeys()
  return {
    env,
    config,
    keys: ownKeys({ fetchKeys, now: receivedAt, background }),
    receivedAt,
    background,
    fetchContext: { now: receivedAt, local: config.local, background },
    waits: new Waits(),
  }
}

/** Returns null if no bundle can be loaded; the caller then denies the request. */
export function bundleFor({
  env,
  config,
  receivedAt,
  background,
}: RequestContext): Bundle | null | Promise<Bundle | null> {
  return bundleAtHand(config, receivedAt) ?? currentBundle(bundleSource(env), receivedAt, background)
}

/** Returns the bundle to decide by if the newest publication is of it. Null if that is not so, or cannot be known. */
export async function newestBundleFor({ env, receivedAt, background }: RequestContext): Promise<Bundle | null> {
  return newestBundle(bundleSource(env), receivedAt, background)
}

/** Returns the candidate that is evaluated beside the live bundle. Null if there is none. */
export function candidateFor(live: Bundle, { env, config, receivedAt, background }: RequestContext): Bundle | null {
  return currentCandidate(env.BUNDLES, config, live, receivedAt, background)
}
