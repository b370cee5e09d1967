/**
 * The secret with which records hash arguments, as this isolate caches it. Without it, ten thousand guesses would find
 * a redacted PIN from its record. The key ring makes it once, and gives it to our own isolates only.
 */
import { keyRing } from "../signing/key-ring.ts"
import { logEvent } from "../platform/log.ts"
import { within } from "../platform/timeout.ts"

/** A record without a hash says less, and a call must not wait for it longer. */
const TIMEOUT_MS = 500
/** After a failure: a ring that hangs must not delay each call. */
const PAUSE_MS = 5_000

let cachedKey: string | null = null
/** Milliseconds since the epoch; until then no request goes to the ring. */
let retryAt = 0

/** For tests: the state of a fresh isolate. */
export function forgetRecordKey(): void {
  cachedKey = null
  retryAt = 0
}

/**
 * Hex. Null if the ring is unavailable: the record then has no hash.
 * @param now milliseconds
 */
export function recordKey(env: Env, now: number): string | null | Promise<string | null> {
  return cachedKey ?? requestedKey(env, now)
}

async function requestedKey(env: Env, now: number): Promise<string | null> {
  // If the clock was set back, the pause must not become longer.
  if (now < retryAt && now > retryAt - PAUSE_MS) return null
  try {
    return (cachedKey = await within(keyRing(env).recordKey(), TIMEOUT_MS, "the key ring"))
  } catch (error) {
    retryAt = now + PAUSE_MS
    logEvent("record_key_failed", { error: String(error) })
    return null
  }
}
