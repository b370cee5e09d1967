/** Models of docs/guides/guardrails.md: windows, budgets, repeats and deviations. */
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import { ByKey, fieldOf, HUNDREDTH, keyOf, membersOf, SIXTEENTH, unitsOf, type Model, type ModelCall } from "./model.ts"
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

/** Calls in a span of which each has a time of its own. */
const EXACT_UP_TO = 131_072
/** From this limit on it is written down in hundredths. */
const HUNDREDTHS_FROM = 100
/** From here on the first of equal calls is not written down before there is a second one. */
const REPEATS_FROM = 3

/** Calls, cost or a sum, in a sliding or fixed span or for a life; `repeats` too. */
export class AmountModel implements Model {
  readonly #limit: Limit
  #most: number
  readonly #used = new ByKey(() => new Amounts())
  /** What was in hand at a crash counts as used. */
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

  #usedSince(call: ModelCall, cutoff: number): number {
    return this.#used.find(keyOf(call, this.#limit.per))?.since(cutoff) ?? 0
  }

  admits(call: ModelCall, now: number): boolean {
    const amount = amountOf(this.#limit, call)
    return amount === 0 || this.#usedSince(call, cutoffOf(this.#limit, now)) + amount <= this.#most
  }

  explains(call: ModelCall, now: number, slack: number): boolean {
    const [exactly, length] = [cutoffOf(this.#limit, now), lengthOf(this.#limit)]
    const hasWoken = this.#wokeAt > exactly - HUNDREDTH * length && this.#highestSince(exactly) >= HUNDREDTHS_FROM
    // Of a fixed span nothing is counted that is not of it.
    const mayErr = this.#limit.span.kind === "sliding" && (hasWoken || this.#most > EXACT_UP_TO)
    if (slack > HUNDREDTH || (slack > 0 && !mayErr)) return false
    const used = this.#usedSince(call, exactly - slack * length) + this.#lost.since(exactly - SIXTEENTH * length)
    return used + amountOf(this.#limit, call) > this.#most
  }

  admitted(call: ModelCall, now: number): void {
    this.#used.at(keyOf(call, this.#limit.per)).add(now, amountOf(this.#limit, call))
  }

  woke(now: number): void {
    this.#wokeAt = now
    const highest = this.#highestSince(cutoffOf(this.#limit, now))
    // A hundredth counts as long as the last call of it, and what is left of one counts as used.
    const hundredths = Number(this.#limit.span.kind === "sliding") + 1
    const inHand = highest >= HUNDREDTHS_FROM ? hundredths * Math.ceil(highest / 100) : 0
    const first = this.#limit.topic === "loop" && highest >= REPEATS_FROM ? 1 : 0
    this.#lost.add(now, inHand + first)
  }

  edge(call: ModelCall, now: number): number | undefined {
    const oldest = this.#used.find(keyOf(call, this.#limit.per))?.oldestSince(cutoffOf(this.#limit, now))
    if (oldest === undefined) return undefined
    const length = lengthOf(this.#limit)
    return this.#limit.span.kind === "fixed" ? (Math.floor(now / length) + 1) * length : oldest + length
  }
}

/** What is missing from a bucket, in tokens times milliseconds. `high`: if all that may have been lost was used. */
interface Missing {
  at: number
  exact: number
  high: number
  /** `high` when it was last taken from. */
  taken: number
  /** Tokens that it fills by in the span: what held when it was last taken from. */
  rate: number
}

/** A bucket that is full at first, holds `burst`, and refills by the limit in the span, evenly. */
export class BucketModel implements Model {
  readonly #limit: Limit
  readonly #burstOf: (threshold: number) => number
  #most: number
  #burst: number
  readonly #length: number
  readonly #missing = new ByKey((): Missing => ({ at: 0, exact: 0, high: 0, taken: 0, rate: this.#most }))

  constructor(limit: Limit, burstOf: (threshold: number) => number) {
    this.#limit = limit
    this.#burstOf = burstOf
    this.#length = lengthOf(limit)
    this.#most = limit.limit
    this.#burst = burstOf(limit.limit)
  }

  /** What was taken stays taken. */
  redefined(threshold: number): void {
    this.#most = threshold
    this.#burst = this.#burstOf(threshold)
  }

  #refill(missing: Missing, now: number): void {
    const refilled = (now - missing.at) * missing.rate
    missing.exact = Math.max(0, missing.exact - refilled)
    missing.high = Math.max(0, missing.high - refilled)
    missing.at = now
  }

  #missingFor(call: ModelCall, now: number): Missing {
    const missing = this.#missing.at(keyOf(call, this.#limit.per))
    this.#refill(missing, now)
    return missing
  }

  #need(call: ModelCall): number {
    return amountOf(this.#limit, call) * this.#length
  }

  admits(call: ModelCall, now: number): boolean {
    const need = this.#need(call)
    return need === 0 || this.#missingFor(call, now).exact + need <= this.#burst * this.#length
  }

  explains(call: ModelCall, now: number): boolean {
    return this.#missingFor(call, now).high + this.#need(call) > this.#burst * this.#length
  }

  admitted(call: ModelCall, now: number): void {
    const [missing, need] = [this.#missingFor(call, now), this.#need(call)]
    if (need === 0) return
    missing.exact += need
    missing.high += need
    missing.taken = missing.high
    missing.rate = this.#most
  }

  woke(now: number): void {
    // It was written down by the limit that it was last taken from under.
    for (const missing of this.#missing.all) {
      this.#refill(missing, now)
      const lost = missing.rate >= HUNDREDTHS_FROM ? Math.ceil(missing.rate / 100) * this.#length : 0
      missing.high += lost
      missing.taken += lost
    }
  }

  /** What was refilled since it was last taken from may be lost. It stays lost until the bucket is full. */
  stepped(): void {
    for (const missing of this.#missing.all) missing.high = Math.max(missing.high, missing.taken)
  }

  edge(call: ModelCall, now: number): number {
    const { exact, rate } = this.#missingFor(call, now)
    return now + Math.ceil((exact + this.#need(call) - this.#burst * this.#length) / rate)
  }
}

/** Different values of a field; so are deviations. */
export class ValuesModel implements Model {
  readonly #limit: Limit
  #most: number
  readonly #seen = new ByKey(() => new Values())
  #crashedAt = Number.NEGATIVE_INFINITY

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
    const mayErr =
      this.#limit.span.kind === "sliding" &&
      this.#crashedAt > cutoffOf(this.#limit, now) - SIXTEENTH * lengthOf(this.#limit)
    return (slack === 0 || mayErr) && this.#count(call, now, slack).after > this.#most
  }

  woke(now: number): void {
    this.#crashedAt = now
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
