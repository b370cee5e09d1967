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
  /** Calls that were admitted since the last crash: rounds before it may not all have been written down. */
  readonly #sinceCrash = new Map<string, number>()
  #hasCrashed = false

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

  /** Whether all calls since the crash are of one circle, of which two rounds but one call may have been made before. */
  #mayClose(call: ModelCall, since: number): boolean {
    const made = this.#calls.at(keyOf(call, [this.#cycle.per])).slice(-since)
    const calls = since === 0 ? [fieldOf(call, "call")] : [...made, fieldOf(call, "call")]
    for (let length = 2; length <= this.#cycle.longest; length++) {
      const goesRound = calls.every((each, at) => at < length || each === calls[at - length])
      if (goesRound && calls.length + 2 * length - 1 >= length * this.#times) return true
    }
    return false
  }

  admits(call: ModelCall): boolean {
    return !this.#closes(call, this.#times)
  }

  explains(call: ModelCall): boolean {
    if (this.#closes(call, this.#times)) return true
    if (!this.#hasCrashed || this.#times < 3) return false
    return this.#mayClose(call, this.#sinceCrash.get(keyOf(call, [this.#cycle.per])) ?? 0)
  }

  admitted(call: ModelCall): void {
    const key = keyOf(call, [this.#cycle.per])
    const calls = this.#calls.at(key)
    calls.push(fieldOf(call, "call"))
    if (calls.length > 10_000) calls.splice(0, 5_000)
    this.#sinceCrash.set(key, (this.#sinceCrash.get(key) ?? 0) + 1)
  }

  woke(): void {
    this.#hasCrashed = true
    this.#sinceCrash.clear()
  }
}

/** More denied calls than the limit in a span: then every call is denied until the first have passed. */
export class StormModel implements Model {
  readonly #storm: Storm
  #most: number
  readonly #denials = new ByKey(() => new Amounts())

  constructor(storm: Storm) {
    this.#storm = storm
    this.#most = storm.limit
  }

  redefined(threshold: number): void {
    this.#most = threshold
  }

  #denialsOf(call: ModelCall, now: number): number {
    return this.#denials.at(keyOf(call, [this.#storm.per])).since(now - this.#storm.seconds * 1000)
  }

  admits(call: ModelCall, now: number): boolean {
    return this.#denialsOf(call, now) <= this.#most
  }

  explains(call: ModelCall, now: number): boolean {
    return !this.admits(call, now)
  }

  admitted(): void {
    // Only denials count.
  }

  denied(call: ModelCall, now: number, reason: string): void {
    // While a storm lasts, no further denial counts.
    if (reason === "denial_storm" || !this.admits(call, now)) return
    this.#denials.at(keyOf(call, [this.#storm.per])).add(now, 1)
  }

  edge(call: ModelCall, now: number): number | undefined {
    const length = this.#storm.seconds * 1000
    const oldest = this.#denials.at(keyOf(call, [this.#storm.per])).oldestSince(now - length)
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
