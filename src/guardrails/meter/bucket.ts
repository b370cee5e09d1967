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
  /** Milliseconds, of the span that it was counted by; null: of whatever span it is asked for. */
  #spanMs: number | null

  constructor(missing = 0, at = 0, spanMs: number | null = null) {
    this.#missing = missing
    this.#at = at
    this.#spanMs = spanMs
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
    this.#spanMs = size.spanMs
  }

  /** In the unit of the size that is asked for: the same tokens are missing where another definition counted them. */
  missingAt({ limit, spanMs }: BucketSize, now: number): number {
    const elapsed = now - this.#at
    const counted = this.#spanMs ?? spanMs
    const missing = counted === spanMs ? this.#missing : Math.ceil((this.#missing / counted) * spanMs)
    // Not multiplied where it might not stay a safe integer.
    return elapsed >= missing / limit ? 0 : Math.min(missing - elapsed * limit, MAX_TOKENS * spanMs)
  }
}
const MAX_TOKENS = 100_000
