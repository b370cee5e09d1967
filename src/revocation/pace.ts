/**
 * How fast a stream of events may report. The one switchboard answers every isolate every second, and a transmitter
 * that never pauses must not prevent that. A bucket for each stream, in memory alone: an object that has woken begins
 * with full ones. Pure.
 */

/** What a transmitter has gathered while it could not deliver. */
export const BURST = 250
/** Tokens; each takes some milliseconds of the switchboard at worst. */
export const PER_SECOND = 25

interface Bucket {
  readonly left: number
  /** Milliseconds since the epoch. */
  readonly at: number
}

export class Pace {
  readonly #buckets = new Map<string, Bucket>()

  /** Whether the stream may send one more now. */
  take(stream: string, now: number): boolean {
    const { left, at } = this.#buckets.get(stream) ?? { left: BURST, at: now }
    const filled = Math.min(BURST, left + (Math.max(0, now - at) / 1000) * PER_SECOND)
    const may = filled >= 1
    this.#buckets.set(stream, { left: may ? filled - 1 : filled, at: now })
    return may
  }
}
