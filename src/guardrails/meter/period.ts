/** So much from one multiple of the span since the epoch to the next; or, without a span, for ever. */
import { readingOf, type Reading } from "./meter.ts"

export class PeriodMeter {
  /** Milliseconds; when the period began that was last counted in. */
  #start: number
  #total: number

  constructor(start = 0, total = 0) {
    this.#start = start
    this.#total = total
  }

  get start(): number {
    return this.#start
  }

  /** @param spanMs null: for ever */
  read(limit: number, spanMs: number | null, asked: number, now: number): Reading {
    const start = startOf(spanMs, now)
    const used = start > this.#start ? 0 : this.#total
    return readingOf(used, asked, limit, () => (spanMs === null ? Number.POSITIVE_INFINITY : start + spanMs - now))
  }

  admit(amount: number, spanMs: number | null, now: number): void {
    const start = startOf(spanMs, now)
    if (start > this.#start) {
      this.#start = start
      this.#total = 0
    }
    this.#total += amount
  }
}

export function startOf(spanMs: number | null, now: number): number {
  return spanMs === null ? 0 : Math.floor(now / spanMs) * spanMs
}
