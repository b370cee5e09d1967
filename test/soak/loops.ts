/** Models of docs/guides/guardrails.md: cycles, storms of denials, calls at once. */
import type { Concurrency } from "../../src/core/guardrails/concurrency.ts"
import type { Cycle } from "../../src/core/guardrails/cycle.ts"
import type { Storm } from "../../src/core/guardrails/storm.ts"
import { ByKey, fieldOf, keyOf, type Model, type ModelCall } from "./model.ts"
import { Amounts } from "./past.ts"

/** The same calls, one after the other, go round. */
export class CycleModel implements Model {
  readonly #cycle: Cycle
  #times: number
  readonly #calls = new ByKey((): string[] => [])
  /** Calls that were admitted, and how many were before each of the last crashes, the latest first. */
  readonly #admitted = new Map<string, number>()
  #crashes: readonly ReadonlyMap<string, number>[] = []

  constructor(cycle: Cycle) {
    this.#cycle = cycle
    this.#times = cycle.times
  }

  redefined(threshold: number): void {
    this.#times = threshold
  }

  /** Whether the call is the last of so many rounds, of at least two different calls. */
  #closes(call: ModelCall, times: number): boolean {
    const calls = [...this.#calls.at(keyOf(call, [this.#cycle.per])), fieldOf(call, "call")]
    for (let length = 2; length <= this.#cycle.longest; length++) {
      const round = calls.slice(-length)
      const rounds = calls.slice(-length * times)
      const goesRound = rounds.length === length * times && rounds.every((each, at) => each === round[at % length])
      if (goesRound && new Set(round).size > 1) return true
    }
    return false
  }

  /**
   * Whether all calls since the crash are of one circle, of which two rounds but one call may have been made before: rounds
   * before it may not all have been written down. So it is with each crash since.
   */
  #mayClose(call: ModelCall, since: number, crashes: number): boolean {
    const made = this.#calls.at(keyOf(call, [this.#cycle.per])).slice(-since)
    const calls = since === 0 ? [fieldOf(call, "call")] : [...made, fieldOf(call, "call")]
    for (let length = 2; length <= this.#cycle.longest; length++) {
      const goesRound = calls.every((each, at) => at < length || each === calls[at - length])
      if (goesRound && calls.length + crashes * (2 * length - 1) >= length * this.#times) return true
    }
    return false
  }

  admits(call: ModelCall): boolean {
    return !this.#closes(call, this.#times)
  }

  explains(call: ModelCall): boolean {
    if (this.#closes(call, this.#times)) return true
    if (this.#times < 3) return false
    const key = keyOf(call, [this.#cycle.per])
    const made = this.#admitted.get(key) ?? 0
    return this.#crashes.some((before, index) => this.#mayClose(call, made - (before.get(key) ?? 0), index + 1))
  }

  admitted(call: ModelCall): void {
    const key = keyOf(call, [this.#cycle.per])
    const calls = this.#calls.at(key)
    calls.push(fieldOf(call, "call"))
    if (calls.length > 10_000) calls.splice(0, 5_000)
    this.#admitted.set(key, (this.#admitted.get(key) ?? 0) + 1)
  }

  woke(): void {
    this.#crashes = [new Map(this.#admitted), ...this.#crashes].slice(0, 4)
  }
}

/** More denied calls than the limit in a span: then every call is denied until the first have passed. */
export class StormModel implements Model {
  readonly #storm: Storm
  #most: number
  readonly #denials = new ByKey(() => ({ counted: new Amounts(), perhaps: new Amounts() }))
  #settledAt = Number.NEGATIVE_INFINITY

  constructor(storm: Storm) {
    this.#storm = storm
    this.#most = storm.limit
  }

  redefined(threshold: number): void {
    this.#most = threshold
  }

  stepped(settledAt: number): void {
    this.#settledAt = settledAt
  }

  #denialsOf(call: ModelCall, now: number): { readonly least: number; readonly most: number } {
    const { counted, perhaps } = this.#denials.at(keyOf(call, [this.#storm.per]))
    const cutoff = now - this.#storm.seconds * 1000
    const least = counted.since(cutoff)
    return { least, most: least + perhaps.since(cutoff) }
  }

  admits(call: ModelCall, now: number): boolean {
    return this.#denialsOf(call, now).least <= this.#most
  }

  explains(call: ModelCall, now: number): boolean {
    return this.#denialsOf(call, now).most > this.#most
  }

  admitted(): void {
    // Only denials count.
  }

  denied(call: ModelCall, now: number, reason: string): void {
    // While a storm lasts, no further denial counts; and after a step of the clock, one may last for longer.
    if (reason === "denial_storm" || !this.admits(call, now)) return
    const { counted, perhaps } = this.#denials.at(keyOf(call, [this.#storm.per]))
    const isSure = now >= this.#settledAt && !this.explains(call, now)
    if (isSure) counted.add(now, 1)
    else perhaps.add(now, 1)
  }

  edge(call: ModelCall, now: number): number | undefined {
    const length = this.#storm.seconds * 1000
    const { counted } = this.#denials.at(keyOf(call, [this.#storm.per]))
    const oldest = counted.oldestSince(now - length)
    return oldest === undefined ? undefined : oldest + length
  }
}

/** In flight until it has ended or its duration has passed. */
export class FlightsModel implements Model {
  readonly #concurrency: Concurrency
  #most: number
  readonly #until = new ByKey(() => new Map<string, number>())

  constructor(concurrency: Concurrency) {
    this.#concurrency = concurrency
    this.#most = concurrency.limit
  }

  redefined(threshold: number): void {
    this.#most = threshold
  }

  #inFlight(call: ModelCall, now: number): Map<string, number> {
    const flights = this.#until.at(keyOf(call, this.#concurrency.per))
    for (const [id, until] of flights) if (until <= now) flights.delete(id)
    return flights
  }

  admits(call: ModelCall, now: number): boolean {
    return this.#inFlight(call, now).size < this.#most
  }

  explains(call: ModelCall, now: number): boolean {
    return !this.admits(call, now)
  }

  admitted(call: ModelCall, now: number): void {
    this.#inFlight(call, now).set(call.id, now + call.duration)
  }

  landed(id: string): void {
    for (const flights of this.#until.all) flights.delete(id)
  }

  edge(call: ModelCall, now: number): number | undefined {
    const untils = [...this.#inFlight(call, now).values()]
    return untils.length > 0 ? Math.min(...untils) : undefined
  }
}
