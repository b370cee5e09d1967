/**
 * The clock of the server that checks a proof: the issuer, or the one that is called with a token. A proof (RFC 9449, RFC
 * 7523) states when it was made, and is rejected if this machine's clock is off by a minute.
 */

/** Milliseconds: a timer of more than 24 days would go off at once. */
export const LONGEST_TIMER = 86_400_000

/** Milliseconds; an answer takes about as long to arrive, and a `Date` has whole seconds. */
const TOLERANCE = 5_000

export class Clock {
  readonly #base: Pick<Clock, "now">
  /** Milliseconds to add to the other clock. */
  #offset = 0

  /** @param base what it goes by until it is adjusted, which changes nothing there; this machine's, if there is none */
  constructor(base: Pick<Clock, "now"> = Date) {
    this.#base = base
  }

  now(): number {
    return this.#base.now() + this.#offset
  }

  /** @returns whether the clock was off by more than the tolerance */
  adjustBy(response: Response): boolean {
    const at = Date.parse(response.headers.get("date") ?? "")
    return !Number.isNaN(at) && this.adjust(at)
  }

  /** @param now milliseconds since the epoch, by its owner's clock, just now */
  adjust(now: number): boolean {
    if (Math.abs(now - this.now()) <= TOLERANCE) return false
    this.#offset = now - this.#base.now()
    return true
  }
}

/** @returns false, at once, if it would be too late then; true after a day at most */
export async function slept(pause: number, deadline: number, signal: AbortSignal | undefined): Promise<boolean> {
  signal?.throwIfAborted()
  if (Date.now() + pause > deadline) return false
  const { promise, resolve, reject } = Promise.withResolvers<true>()
  const timer = setTimeout(() => resolve(true), Math.min(pause, LONGEST_TIMER))
  const abort = (): void => reject(signal?.reason)
  signal?.addEventListener("abort", abort, { once: true })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener("abort", abort)
  }
}
