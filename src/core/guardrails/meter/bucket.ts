/**
 * A bucket of tokens that fills by `limit` in a span and never holds more than `burst`. Whole numbers throughout: what
 * is in it is counted in tokens times milliseconds of the span, of which each millisecond adds `limit`.
 */
import { readingOf, type Reading } from "./meter.ts"

export interface BucketRate {
  readonly limit: number
  readonly spanMs: number
}

export interface BucketSize extends BucketRate {
  readonly burst: number
}

export class BucketMeter {
  /** Token-milliseconds that were taken and are not filled up again. */
  #missing: number
  /** Milliseconds, when that was so. */
  #at: number
  /** By which it fills until it is taken from again; null: nothing was taken. */
  #rate: BucketRate | null

  constructor(missing = 0, at = 0, rate: BucketRate | null = null) {
    this.#missing = missing
    this.#at = at
    this.#rate = rate
  }

  /** `used` and `asked` in tokens; what has filled up in part counts as used. */
  read({ limit, burst, spanMs }: BucketSize, asked: number, now: number): Reading {
    const missing = this.missingAt(spanMs, now)
    const used = Math.ceil(missing / spanMs)
    const rate = this.#rate ? (this.#rate.limit * spanMs) / this.#rate.spanMs : limit
    return readingOf(used, asked, burst, () => Math.ceil((missing + asked * spanMs - burst * spanMs) / rate))
  }

  admit({ limit, spanMs }: BucketSize, amount: number, now: number): void {
    this.#missing = this.missingAt(spanMs, now) + amount * spanMs
    this.#at = now
    this.#rate = { limit, spanMs }
  }

  /**
   * Tokens times milliseconds of the span that is asked for. By which figures it fills is fixed as it is taken from, so
   * that whoever reads the row of it finds when it is full, whatever bundles came since.
   */
  missingAt(spanMs: number, now: number): number {
    if (!this.#rate) return 0
    const elapsed = now - this.#at
    // Not multiplied where it might not stay a safe integer.
    if (elapsed >= this.#missing / this.#rate.limit) return 0
    const missing = this.#missing - elapsed * this.#rate.limit
    return Math.min(Math.ceil(missing * (spanMs / this.#rate.spanMs)), MAX_TOKENS * spanMs)
  }
}
const MAX_TOKENS = 100_000
