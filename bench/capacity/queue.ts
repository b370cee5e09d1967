/** One object that answers one request after the other, and how long requests wait for it in a burst. */
import { randomOf } from "../../test/harness/random.ts"
import { pauseOf } from "./plan.ts"

/** Milliseconds after which a ledger denies a call, because its gateway waits no longer (docs/reference/limits.md#calls). */
const ADMITTED_WITHIN_MS = 4_500

export interface Burst {
  /** Requests that come a second, by chance, and for how many seconds. */
  readonly perSecond: number
  readonly seconds: number
  /** Requests a second that the object answers. */
  readonly bears: number
  readonly seed: number
}

export interface BurstResult {
  readonly requests: number
  /** Milliseconds that a request waits for those before it. */
  readonly p50: number
  readonly p99: number
  readonly longest: number
  /** How many would be answered too late. */
  readonly late: number
}

export function simulateBurst({ perSecond, seconds, bears, seed }: Burst): BurstResult {
  const random = randomOf(seed)
  const service = 1000 / bears
  const waits: number[] = []
  let [late, freeAt] = [0, 0]
  for (let at = pauseOf(random, 1000 / perSecond); at < seconds * 1000; at += pauseOf(random, 1000 / perSecond)) {
    const wait = Math.max(0, freeAt - at)
    waits.push(wait)
    // A call that is denied takes its turn too.
    if (wait > ADMITTED_WITHIN_MS) late += 1
    freeAt = at + wait + service
  }
  const sorted = waits.toSorted((a, b) => a - b)
  const quantile = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
  return { requests: waits.length, p50: quantile(0.5), p99: quantile(0.99), longest: sorted.at(-1) ?? 0, late }
}
