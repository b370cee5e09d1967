/** What a request's steps may use besides their input: made once at the door, passed down, never global. */
import type { Config } from "./platform/config.ts"
import { configOf } from "./platform/config.ts"
import type { Reach } from "./credentials/key-sets/key-set.ts"
import { ownKeys, type KeyFinder } from "./credentials/key-sets/own-keys.ts"
import { keyRing } from "./signing/key-ring.ts"
import type { Bundle } from "./core/policy/assemble.ts"
import { currentCandidate } from "./bundles/candidate.ts"
import { currentBundle } from "./bundles/store.ts"
import { bundleSource } from "./bundles/source.ts"

export interface Surroundings {
  readonly env: Env
  readonly config: Config
  readonly keys: KeyFinder
  /** Milliseconds, when the request arrived. */
  readonly receivedAt: number
  /** Takes work that the answer does not wait for. */
  readonly background: (work: Promise<unknown>) => void
  /** How far the search for others' keys may go. */
  readonly reach: Reach
}

export function surroundingsOf(env: Env, background: Surroundings["background"]): Surroundings {
  const receivedAt = Date.now()
  const config = configOf(env)
  const fetchKeys = async () => keyRing(env).publicKeys()
  const keys = ownKeys({ fetchKeys, issuer: config.issuer, now: receivedAt, background })
  return { env, config, keys, receivedAt, background, reach: { now: receivedAt, local: config.local, background } }
}

/** Returns null if there is none to decide by; the caller then denies. */
export async function bundleFor({ env, receivedAt, background }: Surroundings): Promise<Bundle | null> {
  return currentBundle(bundleSource(env), receivedAt, background)
}

/** What is tried beside it, if anything is. */
export function candidateFor(live: Bundle, { env, config, receivedAt, background }: Surroundings): Bundle | null {
  return currentCandidate(env.BUNDLES, config, live, receivedAt, background)
}
