/**
 * How fast a stream of events may tell: the one switchboard answers every isolate every second, and must not be kept
 * from it by a transmitter that never pauses. A bucket for each stream, in memory alone: an object that has woken begins
 * anew. Pure.
 */

/** What a transmitter has gathered while it could not deliver. */
export const BURST = 250
/** Tokens; each is some milliseconds of the switchboard's at the worst. */
export const PER_SECOND = 25

interface Bucket {
  readonly left: number
  /** Milliseconds. */
  readonly at: number
}

export class Pace {
  readonly #buckets = new Map<string, Bucket>()

  /** Whether one more may be told now. */
  take(stream: string, now: number): boolean {
    const { left, at } = this.#buckets.get(stream) ?? { left: BURST, at: now }
    const filled = Math.min(BURST, left + (Math.max(0, now - at) / 1000) * PER_SECOND)
    const may = filled >= 1
    this.#buckets.set(stream, { left: may ? filled - 1 : filled, at: now })
    return may
  }
}
