/** A count from one multiple of the span since the epoch to the next; without a span, for ever. */
import { readingOf, type Reading } from "./meter.ts"

export class PeriodMeter {
  /**
   * Milliseconds since the epoch, the time of the latest call. If the span has become shorter, everything counts as of
   * then.
   */
  #lastAt: number
  #total: number
  /** Milliseconds since the epoch: until then everything counts, in whichever period, because a clock was set back. */
  readonly heldUntil: number

  constructor(lastAt = Number.NEGATIVE_INFINITY, total = 0, heldUntil = Number.NEGATIVE_INFINITY) {
    this.#lastAt = lastAt
    this.#total = total
    this.heldUntil = heldUntil
  }

  get lastAt(): number {
    return this.#lastAt
  }

  /** @param spanMs null if the count never ends */
  read(limit: number, spanMs: number | null, amount: number, now: number): Reading {
    return readingOf(this.countedIn(spanMs, now), amount, limit, () =>
      spanMs === null ? Number.POSITIVE_INFINITY : Math.max(startOf(spanMs, now) + spanMs, this.heldUntil) - now,
    )
  }

  admit(amount: number, spanMs: number | null, now: number): void {
    this.#total = this.countedIn(spanMs, now) + amount
    this.#lastAt = now
  }

  countedIn(spanMs: number | null, now: number): number {
    return startOf(spanMs, now) > this.#lastAt && now >= this.heldUntil ? 0 : this.#total
  }
}

export function startOf(spanMs: number | null, now: number): number {
  return spanMs === null ? 0 : Math.floor(now / spanMs) * spanMs
}
