/** Models of docs/guardrails.md: windows, budgets, repeats and deviations. */
import type { Limit } from "../../src/guardrails/definition.ts"
import { ByKey, fieldOf, keyOf, membersOf, unitsOf, type Model, type ModelCall } from "./model.ts"
import { Amounts, Values } from "./past.ts"

/** What is no longer in the span was counted at this moment or earlier. */
function cutoffOf({ span }: Limit, now: number): number {
  if (span.kind === "life") return Number.NEGATIVE_INFINITY
  const length = span.seconds * 1000
  // A fixed span has what was counted at its first moment, a sliding one not what is exactly as old as it is long.
  return span.kind === "fixed" ? Math.floor(now / length) * length - 1 : now - length
}

function lengthOf({ span }: Limit): number {
  return span.kind === "life" ? 0 : span.seconds * 1000
}

function amountOf({ measure }: Limit, call: ModelCall): number {
  return measure.kind === "cost" ? call.cost : measure.kind === "sum" ? unitsOf(call) : 1
}

/** Calls, cost or a sum, in a sliding or fixed span or for a life. */
export class AmountModel implements Model {
  readonly #limit: Limit
  #most: number
  readonly #used = new ByKey(() => new Amounts())
  /** At each crash: a limit from 100 on is written down in hundredths, and what is left of one counts as used. */
  readonly #lost = new Amounts()
  /** Limits that another one followed, each when. What was counted under one is written down in its hundredths. */
  #earlier: { readonly limit: number; readonly until: number }[] = []
  #wokeAt = Number.NEGATIVE_INFINITY

  constructor(limit: Limit) {
    this.#limit = limit
    this.#most = limit.limit
  }

  redefined(threshold: number, now: number): void {
    const cutoff = cutoffOf(this.#limit, now) - lengthOf(this.#limit)
    this.#earlier = this.#earlier.filter(({ until }) => until > cutoff)
    this.#earlier.push({ limit: this.#most, until: now })
    this.#most = threshold
  }

  /** The highest limit that held after the cutoff. */
  #highestSince(cutoff: number): number {
    return Math.max(this.#most, ...this.#earlier.flatMap(({ limit, until }) => (until > cutoff ? [limit] : [])))
  }

  #usedBy(call: ModelCall, now: number, slack: number): number {
    const cutoff = cutoffOf(this.#limit, now) - slack * lengthOf(this.#limit)
    return this.#used.find(keyOf(call, this.#limit.per))?.since(cutoff) ?? 0
  }

  admits(call: ModelCall, now: number): boolean {
    const amount = amountOf(this.#limit, call)
    return amount === 0 || this.#usedBy(call, now, 0) + amount <= this.#most
  }

  explains(call: ModelCall, now: number, slack: number): boolean {
    const cutoff = cutoffOf(this.#limit, now) - slack * lengthOf(this.#limit)
    // As long as the tree does not sleep, it counts exactly.
    if (slack > 0 && this.#wokeAt <= cutoff) return false
    const lost = this.#lost.since(cutoff)
    const used = this.#usedBy(call, now, slack) + lost
    return used + amountOf(this.#limit, call) > this.#most - Math.floor(this.#highestSince(cutoff) * slack)
  }

  admitted(call: ModelCall, now: number): void {
    this.#used.at(keyOf(call, this.#limit.per)).add(now, amountOf(this.#limit, call))
  }

  woke(now: number, isCrash: boolean): void {
    this.#wokeAt = now
    const highest = this.#highestSince(cutoffOf(this.#limit, now))
    const inHand = isCrash && highest >= 100 ? Math.ceil(highest / 100) : 0
    // The first of equal calls is not written down before there is a second one.
    const first = this.#limit.topic === "loop" && highest >= 3 ? 1 : 0
    this.#lost.add(now, inHand + first)
  }

  edge(call: ModelCall, now: number): number | undefined {
    const oldest = this.#used.find(keyOf(call, this.#limit.per))?.oldestSince(cutoffOf(this.#limit, now))
    if (oldest === undefined) return undefined
    const length = lengthOf(this.#limit)
    return this.#limit.span.kind === "fixed" ? (Math.floor(now / length) + 1) * length : oldest + length
  }
}

/** In tokens times milliseconds. `low`: as it would be if all that may have been lost was. */
interface Level {
  at: number
  exact: number
  low: number
}

/** A bucket that is full at first, holds `burst`, and refills by the limit in the span, evenly. */
export class BucketModel implements Model {
  readonly #limit: Limit
  #most: number
  #burst: number
  readonly #length: number
  #levels: ByKey<Level>

  /** @param burst 0: the limit */
  constructor(
    limit: Limit,
    readonly burstOf: (threshold: number) => number,
  ) {
    this.#limit = limit
    this.#length = lengthOf(limit)
    this.#most = limit.limit
    this.#burst = burstOf(limit.limit)
    this.#levels = this.#full()
  }

  #full(): ByKey<Level> {
    const full = this.#burst * this.#length
    return new ByKey(() => ({ at: 0, exact: full, low: full }))
  }

  /** A bucket with any other figure begins anew. */
  redefined(threshold: number): void {
    this.#most = threshold
    this.#burst = this.burstOf(threshold)
    this.#levels = this.#full()
  }

  #levelOf(call: ModelCall, now: number): Level {
    const level = this.#levels.at(keyOf(call, this.#limit.per))
    const refilled = (now - level.at) * this.#most
    const full = this.#burst * this.#length
    level.exact = Math.min(full, level.exact + refilled)
    level.low = Math.min(full, level.low + refilled)
    level.at = now
    return level
  }

  #need(call: ModelCall): number {
    return amountOf(this.#limit, call) * this.#length
  }

  admits(call: ModelCall, now: number): boolean {
    return this.#levelOf(call, now).exact >= this.#need(call)
  }

  explains(call: ModelCall, now: number, slack: number): boolean {
    return this.#levelOf(call, now).low - slack * this.#burst * this.#length < this.#need(call)
  }

  admitted(call: ModelCall, now: number): void {
    const level = this.#levelOf(call, now)
    level.exact -= this.#need(call)
    level.low = Math.max(0, level.low - this.#need(call))
  }

  woke(_now: number, isCrash: boolean): void {
    if (!isCrash) return
    const lost = this.#most < 100 ? 0 : (this.#most / 100) * this.#length
    for (const level of this.#levels.all) level.low = Math.max(0, level.low - lost)
  }

  edge(call: ModelCall, now: number): number {
    return now + Math.ceil((this.#need(call) - this.#levelOf(call, now).exact) / this.#most)
  }
}

/** Different values of a field; so are deviations. */
export class ValuesModel implements Model {
  readonly #limit: Limit
  #most: number
  readonly #seen = new ByKey(() => new Values())

  constructor(limit: Limit) {
    this.#limit = limit
    this.#most = limit.limit
  }

  redefined(threshold: number): void {
    this.#most = threshold
  }

  #count(call: ModelCall, now: number, slack: number): { readonly before: number; readonly after: number } {
    const { measure } = this.#limit
    const values = this.#seen.at(keyOf(call, this.#limit.per))
    const members = measure.kind === "distinct" ? membersOf(call, measure.field) : [fieldOf(call, "tool")]
    const [cutoff, early] = [cutoffOf(this.#limit, now), slack * lengthOf(this.#limit)]
    return { before: values.count(cutoff, [], early), after: values.count(cutoff, members, early) }
  }

  admits(call: ModelCall, now: number): boolean {
    const { before, after } = this.#count(call, now, 0)
    // A value that was there before adds nothing.
    return after <= this.#most || after === before
  }

  explains(call: ModelCall, now: number, slack: number): boolean {
    return this.#count(call, now, slack).after > this.#most - Math.floor(this.#most * slack)
  }

  admitted(call: ModelCall, now: number): void {
    const { measure } = this.#limit
    if (measure.kind !== "distinct") return
    const values = this.#seen.at(keyOf(call, this.#limit.per))
    for (const member of membersOf(call, measure.field)) values.add(member, now)
    values.forgetBefore(cutoffOf(this.#limit, now) - lengthOf(this.#limit))
  }

  edge(call: ModelCall, now: number): number | undefined {
    const oldest = this.#seen.at(keyOf(call, this.#limit.per)).oldestSince(cutoffOf(this.#limit, now))
    return oldest === undefined ? undefined : oldest + lengthOf(this.#limit)
  }
}
