/**
 * A bucket of tokens that fills by `limit` in a span and never holds more than `burst`. Whole numbers throughout: what
 * is in it is counted in tokens times milliseconds of the span, of which each millisecond adds `limit`.
 */
import { readingOf, type Reading } from "./meter.ts"

export interface BucketSize {
  readonly limit: number
  readonly burst: number
  readonly spanMs: number
}

export class BucketMeter {
  /** Token-milliseconds that were taken and are not filled up again. */
  #missing: number
  /** Milliseconds, when that was so. */
  #at: number
  /** By which it was counted; null: nothing was. */
  #size: BucketSize | null

  constructor(missing = 0, at = 0, size: BucketSize | null = null) {
    this.#missing = missing
    this.#at = at
    this.#size = size
  }

  /** `used` and `asked` in tokens; what has filled up in part counts as used. */
  read(size: BucketSize, asked: number, now: number): Reading {
    const { limit, burst, spanMs } = size
    const missing = this.missingAt(size, now)
    const used = Math.ceil(missing / spanMs)
    return readingOf(used, asked, burst, () => Math.ceil((missing + asked * spanMs - burst * spanMs) / limit))
  }

  admit(size: BucketSize, amount: number, now: number): void {
    this.#missing = this.missingAt(size, now) + amount * size.spanMs
    this.#at = now
    this.#size = size
  }

  /**
   * In the unit of the size that is asked for: where another definition counted them, the same tokens are missing. When
   * it changed is not known: until the next admission the bucket fills by the lower of both limits.
   */
  missingAt({ limit, spanMs }: BucketSize, now: number): number {
    const elapsed = now - this.#at
    const counted = this.#size ?? { limit, spanMs }
    const scale = spanMs / counted.spanMs
    const missing = scale === 1 ? this.#missing : Math.ceil(this.#missing * scale)
    const rate = Math.min(limit, counted.limit * scale)
    // Not multiplied where it might not stay a safe integer.
    return elapsed >= missing / rate ? 0 : Math.min(Math.ceil(missing - elapsed * rate), MAX_TOKENS * spanMs)
  }
}
const MAX_TOKENS = 100_000
