/** What a request's steps may use besides their input: made once at the door, passed down, never global. */
import type { Config } from "./platform/config.ts"
import { configOf } from "./platform/config.ts"
import type { FetchContext } from "./credentials/key-sets/key-set.ts"
import { ownKeys, type KeyFinder } from "./credentials/key-sets/own-keys.ts"
import { keyRing } from "./signing/key-ring.ts"
import type { Bundle } from "./core/policy/assemble.ts"
import { currentCandidate } from "./bundles/candidate.ts"
import { currentBundle } from "./bundles/store.ts"
import { bundleSource } from "./bundles/source.ts"

export interface RequestContext {
  readonly env: Env
  readonly config: Config
  readonly keys: KeyFinder
  /** Milliseconds, when the request arrived. */
  readonly receivedAt: number
  /** Takes work that the answer does not wait for. */
  readonly background: (work: Promise<unknown>) => void
  /** How far the search for others' keys may go. */
  readonly fetchContext: FetchContext
}

export function requestContext(env: Env, background: RequestContext["background"]): RequestContext {
  const receivedAt = Date.now()
  const config = configOf(env)
  const fetchKeys = async () => keyRing(env).publicKeys()
  const keys = ownKeys({ fetchKeys, issuer: config.issuer, now: receivedAt, background })
  return {
    env,
    config,
    keys,
    receivedAt,
    background,
    fetchContext: { now: receivedAt, local: config.local, background },
  }
}

/** Returns null if there is none to decide by; the caller then denies. */
export async function bundleFor({ env, receivedAt, background }: RequestContext): Promise<Bundle | null> {
  return currentBundle(bundleSource(env), receivedAt, background)
}

/** What is tried beside it, if anything is. */
export function candidateFor(live: Bundle, { env, config, receivedAt, background }: RequestContext): Bundle | null {
  return currentCandidate(env.BUNDLES, config, live, receivedAt, background)
}
