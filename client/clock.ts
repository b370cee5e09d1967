/**
 * The issuer's time. What proves something (RFC 9449, RFC 7523) states when it was made, and is refused if this machine's
 * clock is off by a minute.
 */

/** Milliseconds; an answer takes about as long to arrive, and a `Date` has whole seconds. */
const TOLERANCE = 5_000

export class Clock {
  /** Milliseconds to add to this machine's clock. */
  #offset = 0

  now(): number {
    return Date.now() + this.#offset
  }

  /** @returns whether the clock was off, as far as it knew */
  adjustBy(response: Response): boolean {
    const at = Date.parse(response.headers.get("date") ?? "")
    return !Number.isNaN(at) && this.adjust(at)
  }

  /** @param now milliseconds since the epoch, by the issuer's clock, just now */
  adjust(now: number): boolean {
    if (Math.abs(now - this.now()) <= TOLERANCE) return false
    this.#offset = now - Date.now()
    return true
  }
}
