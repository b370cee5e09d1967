/**
 * When what an isolate holds, keys mostly, is asked for again: by one request at a time, not without end, not without
 * pause after a failure. Another request's promise must not be awaited (workerd forbids it); what is shared is only that
 * somebody is at it, and its end can be watched.
 */
import { within } from "../../platform/timeout.ts"

/** Who is asked has this long, in all. */
export const TIMEOUT_MS = 5_000
/** After a failure, before the next try; doubled with each further one. */
const PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 30_000
const WATCH_EVERY_MS = 25

export interface RenewalRequest {
  /** Milliseconds, when the request that asks arrived. */
  readonly now: number
  /** Takes work that the answer does not wait for. */
  readonly background: (work: Promise<unknown>) => void
  /** Throws where it cannot be had. */
  readonly renew: () => Promise<void>
  /** Is told of each failure. */
  readonly onFailure: (error: unknown) => void
}

interface Attempt {
  /** Milliseconds. */
  readonly startedAt: number
}

export class Renewal {
  /** Who is at it; one that never ends, because its request was cut off, is given up. */
  #underWay: Attempt | null = null
  #failures = 0
  #pausesUntil = Number.NEGATIVE_INFINITY
  #forUnknownKeyAt = Number.NEGATIVE_INFINITY

  /** Nobody waits: what is held is good enough meanwhile. */
  beside(request: RenewalRequest): void {
    if (!this.#isUnderWay(request.now) && !this.#pauses(request.now)) request.background(this.#attempt(request))
  }

  /**
   * What is held may be too old to rely on without having asked. Nobody waits who would wait in vain: after a failure
   * only the one who tries again.
   */
  async first(request: RenewalRequest): Promise<void> {
    if (this.#failures === 0 || !this.#isUnderWay(request.now)) await this.forWantOf(request)
  }

  /** Without it there is nothing to go on with. */
  async forWantOf(request: RenewalRequest): Promise<void> {
    if (this.#isUnderWay(request.now)) return this.#watch()
    if (this.#pauses(request.now)) return
    const attempt = this.#attempt(request)
    // Others may be watching: it goes on where the client that it was begun for goes away.
    request.background(attempt)
    await attempt
  }

  /**
   * A token names a key that is not held, or is not signed by the one that is.
   * @param cooldown milliseconds between two such: what is forged must not make calls to whoever is asked
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
      await within(renew(), TIMEOUT_MS, "whoever publishes the keys")
      this.#failures = 0
      this.#pausesUntil = Number.NEGATIVE_INFINITY
    } catch (error) {
      // From its end on: one that ran into the time-out would have paused for long enough when it ends.
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
