/**
 * A token bucket that refills by `limit` in a span and never holds more than `burst`. Its level is a whole number of
 * tokens times milliseconds of the span, to which each millisecond adds `limit`.
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
  /** Token-milliseconds that were taken and are not refilled. */
  #missing: number
  /** Milliseconds since the epoch, the time of `#missing`. */
  #at: number
  /** The rate by which it refills until the next call. Null if nothing was taken. */
  #rate: BucketRate | null

  constructor(missing = 0, at = 0, rate: BucketRate | null = null) {
    this.#missing = missing
    this.#at = at
    this.#rate = rate
  }

  /** `used` and `asked` are in tokens; a token that is refilled in part counts as used. */
  read({ limit, burst, spanMs }: BucketSize, amount: number, now: number): Reading {
    const missing = this.missingAt(spanMs, now)
    const used = Math.ceil(missing / spanMs)
    const rate = this.#rate ? (this.#rate.limit * spanMs) / this.#rate.spanMs : limit
    return readingOf(used, amount, burst, () => Math.ceil((missing + amount * spanMs - burst * spanMs) / rate))
  }

  admit({ limit, spanMs }: BucketSize, amount: number, now: number): void {
    this.#missing = this.missingAt(spanMs, now) + amount * spanMs
    this.#at = now
    this.#rate = { limit, spanMs }
  }

  /**
   * Returns what is missing, in tokens times milliseconds of the given span. The rate of refilling is fixed at each
   * call, so that the stored row alone tells when the bucket is full, whatever bundles came since.
   */
  missingAt(spanMs: number, now: number): number {
    if (!this.#rate) return 0
    const elapsed = now - this.#at
    // A product might not be a safe integer.
    if (elapsed >= this.#missing / this.#rate.limit) return 0
    const missing = this.#missing - elapsed * this.#rate.limit
    return Math.min(Math.ceil(missing * (spanMs / this.#rate.spanMs)), MAX_TOKENS * spanMs)
  }
}
const MAX_TOKENS = 100_000
