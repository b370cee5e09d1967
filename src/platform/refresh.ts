/**
 * Refreshes what an isolate caches from a source that may be slow or unavailable. One attempt is in flight at a time,
 * with a time limit, and after a failure there is none for a while. So an unavailable source costs few requests a
 * bounded time. While the value is usable, calls refresh it ahead of its end without waiting. How old it may become is
 * the caller's bound: beyond that the caller fails closed.
 *
 * Requests share facts only, and not a promise: in workerd, the I/O of a promise belongs to the request that made it,
 * and is cut off with that request. So a request whose value another one refreshes looks again and again whether that
 * attempt has ended, by timers of its own.
 */
import { within } from "./timeout.ts"

export interface AttemptLimits {
  /** Milliseconds after which an attempt has failed. */
  readonly timeout: number
  /** Milliseconds without attempts after a failure, doubled with each further one. */
  readonly pause: number
  readonly longestPause: number
}

/** In milliseconds. The ages are those of the value. */
export interface RefreshPolicy extends AttemptLimits {
  /** From this age on the value is refreshed, but no call waits. */
  readonly refreshAfter: number
  /** From this age on a call waits for the refresh, but uses the value if there is none in time. */
  readonly waitAfter: number
  /** From this age on the value must not be used. */
  readonly unusableAfter: number
  /** How long a call waits that has a usable value. */
  readonly staleWait: number
  /** How long a call waits that has none. */
  readonly coldWait: number
}

export interface RefreshRequest<Value> {
  /** Milliseconds since the epoch, when the request arrived. */
  readonly now: number
  /** Takes work that the response does not wait for. */
  readonly background: (work: Promise<unknown>) => void
  /** Throws if it fails. */
  readonly attempt: () => Promise<Value>
  /** Receives each failure. */
  readonly onFailure: (error: unknown) => void
}

/**
 * A request may begin its attempt this long after it arrived. An attempt that has not ended that long after its time
 * limit was cut off with its request.
 */
const MARGIN_MS = 1_000

/** Between two looks at the attempt of another request, at most; and at most half as long as the request has waited. */
const LOOK_EVERY_MS = 25

class Attempt<Value> {
  /** Null until it has succeeded. */
  value: Value | null = null
  isInFlight = true
  /** Its own request has waited for it in vain, which counts as its failure. */
  isSlow = false
  /** Milliseconds since the epoch, when its request arrived. */
  readonly startedAt: number
  readonly #began = Date.now()

  constructor(startedAt: number) {
    this.startedAt = startedAt
  }

  /** Milliseconds since the epoch, by the clock of `startedAt`. */
  now(): number {
    return this.startedAt + Math.max(0, Date.now() - this.#began)
  }

  /** For other requests: waits until it ends, or so many milliseconds. */
  async watched(milliseconds: number): Promise<Value | null> {
    for (let waited = 0; this.isInFlight && waited < milliseconds;) {
      const next = Math.min(LOOK_EVERY_MS, 1 + waited / 2, milliseconds - waited)
      await new Promise((resolve) => setTimeout(resolve, next))
      waited += next
    }
    return this.value
  }
}

/** For one value. */
export class Refresh<Value = unknown> {
  #attempt: Attempt<Value> | null = null
  /** Without a success in between. */
  #failures = 0
  #failedAt = Number.NEGATIVE_INFINITY
  #missedAt = Number.NEGATIVE_INFINITY

  /**
   * Before a call uses the value: refreshes it as its age demands. Afterwards the caller checks its age again.
   * @param age milliseconds; Infinity if there is no value
   */
  async keep(age: number, policy: RefreshPolicy, request: RefreshRequest<Value>): Promise<void> {
    if (age < policy.refreshAfter) return
    if (age < policy.waitAfter) this.beside(policy, request)
    else if (age >= policy.unusableAfter) await this.wait(policy, request, policy.coldWait)
    // After a failure, only the request that tries again waits: the others would probably wait in vain.
    else if (this.#failures === 0 || !this.#inFlight(policy, request.now))
      await this.wait(policy, request, policy.staleWait)
  }

  /** Refreshes the value without waiting. */
  beside(limits: AttemptLimits, request: RefreshRequest<Value>): void {
    if (!this.#inFlight(limits, request.now) && !this.#isPaused(limits, request.now)) this.#begin(limits, request)
  }

  /**
   * Refreshes the value and waits, or waits for the attempt of another request.
   * @param most milliseconds since the attempt began
   * @returns null if the attempt has failed, has not ended in time, or attempts are paused
   */
  async wait(limits: AttemptLimits, request: RefreshRequest<Value>, most: number): Promise<Value | null> {
    const { now } = request
    const theirs = this.#inFlight(limits, now)
    if (theirs) return theirs.watched(most - clockDistance(now, theirs.startedAt))
    if (this.#isPaused(limits, now)) return null
    const { attempt, ending } = this.#begin(limits, request)
    if (most >= limits.timeout) return ending
    try {
      return await within(ending, most, "the source")
    } catch {
      attempt.isSlow = true
      this.#fail(attempt, 1)
      return null
    }
  }

  /**
   * Refreshes the value and waits, because it lacks what a call names.
   * @param cooldown milliseconds between two such attempts, so that forged names cause few requests
   */
  async onMiss(limits: AttemptLimits, request: RefreshRequest<Value>, cooldown: number): Promise<void> {
    const { now } = request
    if (!this.#inFlight(limits, now)) {
      if (this.#isPaused(limits, now) || clockDistance(now, this.#missedAt) < cooldown) return
      this.#missedAt = now
    }
    await this.wait(limits, request, limits.timeout)
  }

  #inFlight({ timeout }: AttemptLimits, now: number): Attempt<Value> | null {
    const attempt = this.#attempt
    return attempt && clockDistance(now, attempt.startedAt) < timeout + MARGIN_MS ? attempt : null
  }

  #isPaused({ pause, longestPause }: AttemptLimits, now: number): boolean {
    if (this.#failures === 0) return false
    return clockDistance(now, this.#failedAt) < Math.min(longestPause, pause * 2 ** (this.#failures - 1))
  }

  #begin(
    limits: AttemptLimits,
    request: RefreshRequest<Value>,
  ): { readonly attempt: Attempt<Value>; readonly ending: Promise<Value | null> } {
    const attempt = new Attempt<Value>(request.now)
    this.#attempt = attempt
    const ending = this.#run(attempt, limits, request)
    // Others may be waiting for it, so it goes on even if the client of this request disconnects.
    request.background(ending)
    return { attempt, ending }
  }

  /** Never rejects. */
  async #run(
    attempt: Attempt<Value>,
    { timeout }: AttemptLimits,
    { attempt: work, onFailure }: RefreshRequest<Value>,
  ): Promise<Value | null> {
    try {
      attempt.value = await within(work(), timeout, "the source")
      this.#failures = 0
    } catch (error) {
      this.#fail(attempt, attempt.isSlow ? 0 : 1)
      onFailure(error)
    }
    attempt.isInFlight = false
    if (this.#attempt === attempt) this.#attempt = null
    return attempt.value
  }

  /** The pause begins at the end of the attempt: a pause since its beginning could be over by then. */
  #fail(attempt: Attempt<Value>, failures: number): void {
    this.#failedAt = attempt.now()
    this.#failures += failures
  }
}

/** At worst, one source is tried again too early. */
const MAX_KEYS = 1_000

/** For many values, each by its key. */
export class Refreshes<Value = unknown> {
  readonly #byKey = new Map<string, Refresh<Value>>()

  of(key: string): Refresh<Value> {
    const existing = this.#byKey.get(key)
    if (existing) return existing
    const [oldest] = this.#byKey.keys()
    if (oldest !== undefined && this.#byKey.size >= MAX_KEYS) this.#byKey.delete(oldest)
    const refresh = new Refresh<Value>()
    this.#byKey.set(key, refresh)
    return refresh
  }

  clear(): void {
    this.#byKey.clear()
  }
}

/** If the clock was set back, the distance is unknown, and so counts in both directions. */
export function clockDistance(now: number, then: number): number {
  return Math.abs(now - then)
}
