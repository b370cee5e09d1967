/**
 * Attempts to read from a store that may be slow. A call waits for its own attempt, because workerd does not let it
 * await a promise of another request, and only for a bounded time. After a slow or failed attempt no call waits or
 * starts another for a while. So a slow store costs a few calls a bounded time, and not each call the whole time limit.
 */

import { within } from "../platform/timeout.ts"

/** An attempt that has not ended by then was cut off with its request. */
const LOST_AFTER_MS = 15_000

export interface Patience {
  /** Milliseconds that the call waits; 0: it does not wait, and starts no second attempt beside another. */
  readonly wait: number
  /** Milliseconds without attempts after a slow or failed one. */
  readonly pause: number
}

export class Attempts<Value> {
  /** When the last attempt that is in progress began. */
  #since = Number.NEGATIVE_INFINITY
  #pausedAt = Number.NEGATIVE_INFINITY

  /**
   * @param work never rejects; null: it has failed
   * @param now milliseconds
   * @param background takes work that the call does not wait for
   * @returns null if it has failed, has not ended in time, or attempts are paused
   */
  async run(
    work: () => Promise<Value | null>,
    now: number,
    { wait, pause }: Patience,
    background: (work: Promise<unknown>) => void,
  ): Promise<Value | null> {
    if (clockDistance(now, this.#pausedAt) < pause) return null
    const running = clockDistance(now, this.#since)
    if (running < LOST_AFTER_MS && running >= wait) return null
    this.#since = now
    const ending = this.#ending(work)
    background(ending)
    return wait === 0 ? null : this.#within(ending, wait)
  }

  async #ending(work: () => Promise<Value | null>): Promise<Value | null> {
    const value = await work()
    this.#since = Number.NEGATIVE_INFINITY
    this.#pausedAt = value === null ? Date.now() : Number.NEGATIVE_INFINITY
    return value
  }

  async #within(ending: Promise<Value | null>, wait: number): Promise<Value | null> {
    try {
      return await within(ending, wait, "the store")
    } catch {
      this.#pausedAt = Date.now()
      return null
    }
  }
}

/** If the clock was set back, the distance is unknown, and so counts in both directions. */
export function clockDistance(now: number, then: number): number {
  return Math.abs(now - then)
}
