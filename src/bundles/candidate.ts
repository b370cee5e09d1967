/**
 * A candidate bundle: one that is evaluated beside the live one, to see which calls it would decide otherwise (shadow
 * mode). It decides nothing, so no call waits for it: until it is loaded, calls go on without it.
 */
import type { Config } from "../platform/config.ts"
import { logEvent } from "../platform/log.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { verifyPublication } from "./signed-publication.ts"
import { fetchBody, withTimeout } from "./store.ts"

export const CANDIDATE_KEY = "candidate"

const LOOK_EVERY_MS = 30_000
const LOCAL_LOOK_EVERY_MS = 500
/** For a while edges may know different candidates; a ledger must not load them by turns for each call. */
const FETCH_EVERY_MS = 1_000

let cached: Bundle | null = null
let lookedAt = Number.NEGATIVE_INFINITY
let fetchedAt = Number.NEGATIVE_INFINITY

/** For tests: the state of a fresh isolate. */
export function forgetCandidate(): void {
  cached = null
  lookedAt = Number.NEGATIVE_INFINITY
  fetchedAt = Number.NEGATIVE_INFINITY
}

/**
 * The candidate at the edge. Null if there is none, or it has become the live bundle.
 * @param now milliseconds
 * @param background takes work that the call does not wait for
 */
export function currentCandidate(
  kv: KVNamespace,
  config: Config,
  live: Bundle,
  now: number,
  background: (work: Promise<unknown>) => void,
): Bundle | null {
  const since = now - lookedAt
  if (since < 0 || since >= (config.local ? LOCAL_LOOK_EVERY_MS : LOOK_EVERY_MS)) {
    lookedAt = now
    background(look(kv, config))
  }
  return cached && cached.pointer.digest !== live.pointer.digest ? cached : null
}

/** For a request about the candidate, which can wait: loads it now if it is not loaded. */
export async function awaitCandidate(
  kv: KVNamespace,
  config: Config,
  live: Bundle,
  now: number,
): Promise<Bundle | null> {
  if (!cached || now - lookedAt >= LOCAL_LOOK_EVERY_MS) {
    lookedAt = now
    await look(kv, config)
  }
  return cached && cached.pointer.digest !== live.pointer.digest ? cached : null
}

/** The candidate in a ledger: the one that the edge names, whose signature the edge has verified. */
export function cachedCandidate(
  kv: KVNamespace,
  pointer: Pointer,
  now: number,
  background: (work: Promise<unknown>) => void,
): Bundle | null {
  if (cached?.pointer.digest === pointer.digest) return cached
  const since = now - fetchedAt
  if (since < 0 || since >= FETCH_EVERY_MS) {
    fetchedAt = now
    background(keep(kv, async () => pointer))
  }
  return null
}

/** A candidate that cannot be loaded, or is not signed, changes nothing; one that was withdrawn is dropped. */
async function look(kv: KVNamespace, config: Config): Promise<void> {
  await keep(kv, async () => {
    const text = await withTimeout(kv.get(CANDIDATE_KEY, { cacheTtl: 30 }))
    if (text === null) return null
    const { seq, digest } = await verifyPublication(text, config, "candidate")
    return { digest, seq }
  })
}

async function keep(kv: KVNamespace, find: () => Promise<Pointer | null>): Promise<void> {
  try {
    const pointer = await find()
    if (pointer === null) cached = null
    else if (cached?.pointer.digest !== pointer.digest) cached = await fetchBody(kv, pointer)
  } catch (error) {
    logEvent("candidate_not_tried", { error: String(error) })
  }
}
