/**
 * The secret by which records hash arguments, as this isolate keeps it. Without it a redacted PIN would be found from its
 * record in ten thousand guesses. The key ring has made it once; it leaves the ring only towards our own isolates.
 */
import { keyRing } from "../signing/key-ring.ts"
import { logEvent } from "../platform/log.ts"
import { within } from "../platform/timeout.ts"

/** A record without a hash says less, and a call must not wait for it longer. */
const TIMEOUT_MS = 500
/** After a failure: a ring that hangs must not delay each call. */
const PAUSE_MS = 5_000

let cachedKey: string | null = null
/** Milliseconds; the ring is not asked before. */
let askAgainAt = 0

/** For tests: a fresh isolate. */
export function forgetRecordKey(): void {
  cachedKey = null
  askAgainAt = 0
}

/**
 * Hex. Null if the ring is unavailable: the record then has no hash.
 * @param now milliseconds
 */
export async function recordKey(env: Env, now: number): Promise<string | null> {
  if (cachedKey !== null) return cachedKey
  // A clock that was set back must not make the pause longer.
  if (now < askAgainAt && now > askAgainAt - PAUSE_MS) return null
  try {
    return (cachedKey = await within(keyRing(env).recordKey(), TIMEOUT_MS, "the key ring"))
  } catch (error) {
    askAgainAt = now + PAUSE_MS
    logEvent("record_key_failed", { error: String(error) })
    return null
  }
}
