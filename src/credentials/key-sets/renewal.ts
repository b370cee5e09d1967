/**
 * When an isolate renews what it caches, mostly keys: by one request at a time, within a time limit, and with a pause
 * after a failure. One request must not await the promise of another (workerd forbids it). They share only the fact
 * that a renewal is in progress, and can watch for its end.
 */
import { within } from "../../platform/timeout.ts"

/** The time limit of one renewal. */
export const TIMEOUT_MS = 5_000
/** After a failure, before the next try; doubled with each further one. */
const PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000
const WATCH_EVERY_MS = 25

export interface RenewalRequest {
  /** Milliseconds since the epoch, when the request that renews arrived. */
  readonly now: number
  /** Takes work that the response does not wait for. */
  readonly background: (work: Promise<unknown>) => void
  /** Throws if the renewal fails. */
  readonly renew: () => Promise<void>
  /** Receives each failure. */
  readonly onFailure: (error: unknown) => void
}

interface Attempt {
  /** Milliseconds since the epoch. */
  readonly startedAt: number
}

export class Renewal {
  /** The renewal in progress. If its request was cut off, it never ends, and is abandoned after a while. */
  #underWay: Attempt | null = null
  #failures = 0
  #pausesUntil = Number.NEGATIVE_INFINITY
  #forUnknownKeyAt = Number.NEGATIVE_INFINITY

  /** Renews without waiting: the cached value is good enough meanwhile. */
  beside(request: RenewalRequest): void {
    if (!this.#isUnderWay(request.now) && !this.#pauses(request.now)) request.background(this.#attempt(request))
  }

  /**
   * Renews before the cached value is used, because it may be too old. Nobody waits in vain: after a failure, only the
   * request that tries again waits.
   */
  async first(request: RenewalRequest): Promise<void> {
    if (this.#failures === 0 || !this.#isUnderWay(request.now)) await this.forWantOf(request)
  }

  /** Renews and waits, because nothing can be done without the value. */
  async forWantOf(request: RenewalRequest): Promise<void> {
    if (this.#isUnderWay(request.now)) return this.#watch()
    if (this.#pauses(request.now)) return
    const attempt = this.#attempt(request)
    // Others may be watching, so it continues even if the client whose request began it disconnects.
    request.background(attempt)
    await attempt
  }

  /**
   * Renews because a token names an unknown key, or is not signed by the cached one.
   * @param cooldown milliseconds between two such renewals, so that forged tokens cause few requests
   */
  async forUnknownKey(request: RenewalRequest, cooldown: number): Promise<void> {
    const { now } = request
    if (!this.#isUnderWay(now)) {
      if (this.#pauses(now) || now - this.#forUnknownKeyAt < cooldown) return
      this.#forUnknownKeyAt = now
    }
    await this.forWantOf(request)
  }

  #isUnderWay(now: number): boolean {
    return this.#underWay !== null && now - this.#underWay.startedAt < 2 * TIMEOUT_MS
  }

  #pauses(now: number): boolean {
    return now < this.#pausesUntil
  }

  async #watch(): Promise<void> {
    const theirs = this.#underWay
    const until = Date.now() + TIMEOUT_MS
    while (this.#underWay === theirs && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_MS))
    }
  }

  async #attempt({ now, renew, onFailure }: RenewalRequest): Promise<void> {
    const mine: Attempt = { startedAt: now }
    this.#underWay = mine
    const began = Date.now()
    try {
      await within(renew(), TIMEOUT_MS, "the key source")
      this.#failures = 0
      this.#pausesUntil = Number.NEGATIVE_INFINITY
    } catch (error) {
      // From its end on: the pause of a renewal that ran into the time limit would otherwise be over by then.
      this.#pausesUntil =
        now + Math.max(0, Date.now() - began) + Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** this.#failures)
      this.#failures += 1
      onFailure(error)
    } finally {
      if (this.#underWay === mine) this.#underWay = null
    }
  }
}

/** One for each place that something is fetched from. */
export class Renewals {
  readonly #renewals = new Map<string, Renewal>()

  of(place: string): Renewal {
    const existing = this.#renewals.get(place)
    if (existing) return existing
    const renewal = new Renewal()
    this.#renewals.set(place, renewal)
    return renewal
  }

  forget(place: string): void {
    this.#renewals.delete(place)
  }

  clear(): void {
    this.#renewals.clear()
  }
}
