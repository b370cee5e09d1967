/**
 * Model of docs/guides/guardrails.md: sequences. Each condition answers how it may come out where it errs by so much:
 * exactly (0), it comes out one way.
 */
import type { Condition, Pattern, Threshold, Tie } from "../../src/core/guardrails/condition.ts"
import type { Field } from "../../src/core/guardrails/definition.ts"
import type { Sequence } from "../../src/core/guardrails/sequence.ts"
import { ByKey, fieldOf, HUNDREDTH, membersOf, SIXTEENTH, unitsOf, type Model, type ModelCall } from "./model.ts"
import { Amounts, Values } from "./past.ts"

interface Range {
  readonly mayHold: boolean
  readonly mayFail: boolean
}

interface Monitor {
  crashed(now: number): void
  /** The same condition with other thresholds: what was counted stays. */
  redefine(condition: Condition): void
  judge(call: ModelCall, now: number, slack: number): Range
  admitted(call: ModelCall, now: number): void
  edge(call: ModelCall, now: number): number | undefined
}

const exactly = (holds: boolean): Range => ({ mayHold: holds, mayFail: !holds })

/** A count of at least `low` and at most `high`, held against a threshold. */
function compare(low: number, high: number, is: Threshold): Range {
  if ("atLeast" in is) return { mayHold: high >= is.atLeast, mayFail: low < is.atLeast }
  return { mayHold: low <= is.atMost, mayFail: high > is.atMost }
}

/** Calls in the span of which each has a time of its own. */
const EXACT_UP_TO = 256

const pastKey = (call: ModelCall, where: readonly Tie[]): string =>
  where.map((tie) => fieldOf(call, tie.past)).join(" ")
const presentKey = (call: ModelCall, where: readonly Tie[]): string =>
  where.map((tie) => fieldOf(call, tie.present)).join(" ")

/** Calls of the past such as the pattern tells; what was so when each was made is judged then. */
class Event {
  readonly where: readonly Tie[]
  readonly #tools: readonly string[]
  readonly #when: Monitor | null

  constructor({ tools, where, when }: Pattern) {
    this.where = where
    this.#tools = tools
    this.#when = when ? monitorOf(when) : null
  }

  isSuch(call: ModelCall, now: number): boolean {
    return matches(this.#tools, call) && (!this.#when || this.#when.judge(call, now, 0).mayHold)
  }

  /** Among those that the judged call looks for. */
  isTied(call: ModelCall): boolean {
    return pastKey(call, this.where) === presentKey(call, this.where)
  }

  admitted(call: ModelCall, now: number): void {
    this.#when?.admitted(call, now)
  }

  crashed(now: number): void {
    this.#when?.crashed(now)
  }
}

/** What is known of times after a crash. */
class Uncertainty {
  readonly #span: number
  #until = Number.NEGATIVE_INFINITY

  constructor(span: number) {
    this.#span = span
  }

  crashed(now: number): void {
    this.#until = now + this.#span * (1 + SIXTEENTH)
  }

  within(now: number, slack: number): number {
    return now < this.#until ? slack : 0
  }
}

function matches(tools: readonly string[], { tool }: ModelCall): boolean {
  return tools.some(
    (each) => each === "*" || each === tool || (each.endsWith(".*") && tool.startsWith(each.slice(0, -1))),
  )
}

/** The amounts, or for want of a field the number, of such calls. */
class TotalMonitor implements Monitor {
  readonly #event: Event
  readonly #span: number
  #is: Threshold
  readonly #isSum: boolean
  readonly #past = new ByKey(() => ({ calls: new Amounts(), amounts: new Amounts() }))

  constructor({ event, seconds, is, kind }: Extract<Condition, { kind: "count" | "sum" }>) {
    this.#event = new Event(event)
    this.#span = seconds * 1000
    this.#is = is
    this.#isSum = kind === "sum"
  }

  redefine(condition: Condition): void {
    if ("is" in condition) this.#is = condition.is
  }

  #amountOf(call: ModelCall): number {
    return this.#isSum ? unitsOf(call) : 1
  }

  judge(call: ModelCall, now: number, slack: number): Range {
    const past = this.#past.find(presentKey(call, this.#event.where))
    const own = this.#event.isSuch(call, now) && this.#event.isTied(call) ? this.#amountOf(call) : 0
    const isMany = (past?.calls.since(now - this.#span * (1 + HUNDREDTH)) ?? 0) >= EXACT_UP_TO
    const off = isMany ? Math.min(slack, HUNDREDTH) * this.#span : 0
    const low = (past?.amounts.since(now - this.#span + off) ?? 0) + own
    const high = (past?.amounts.since(now - this.#span - off) ?? 0) + own
    return compare(low, high, this.#is)
  }

  admitted(call: ModelCall, now: number): void {
    if (this.#event.isSuch(call, now)) {
      const past = this.#past.at(pastKey(call, this.#event.where))
      past.calls.add(now, 1)
      past.amounts.add(now, this.#amountOf(call))
    }
    this.#event.admitted(call, now)
  }

  crashed(now: number): void {
    this.#event.crashed(now)
  }

  edge(call: ModelCall, now: number): number | undefined {
    const oldest = this.#past.find(presentKey(call, this.#event.where))?.calls.oldestSince(now - this.#span)
    return oldest === undefined ? undefined : oldest + this.#span
  }
}

class DistinctMonitor implements Monitor {
  readonly #event: Event
  readonly #field: Field
  #is: Threshold
  readonly #span: number
  readonly #uncertain: Uncertainty
  readonly #past = new ByKey(() => new Values())

  constructor(of: Extract<Condition, { kind: "distinct" }>) {
    this.#event = new Event(of.event)
    this.#field = of.field
    this.#is = of.is
    this.#span = of.seconds * 1000
    this.#uncertain = new Uncertainty(this.#span)
  }

  redefine(condition: Condition): void {
    if ("is" in condition) this.#is = condition.is
  }

  judge(call: ModelCall, now: number, slack: number): Range {
    const past = this.#past.find(presentKey(call, this.#event.where)) ?? new Values()
    const isOne = this.#event.isSuch(call, now) && this.#event.isTied(call)
    const own = isOne ? membersOf(call, this.#field) : []
    const [cutoff, off] = [now - this.#span, this.#uncertain.within(now, slack) * this.#span]
    return compare(past.count(cutoff, own, -off), past.count(cutoff, own, off), this.#is)
  }

  admitted(call: ModelCall, now: number): void {
    if (this.#event.isSuch(call, now)) {
      const past = this.#past.at(pastKey(call, this.#event.where))
      for (const member of membersOf(call, this.#field)) past.add(member, now)
      past.forgetBefore(now - 2 * this.#span)
    }
    this.#event.admitted(call, now)
  }

  crashed(now: number): void {
    this.#uncertain.crashed(now)
    this.#event.crashed(now)
  }

  edge(call: ModelCall, now: number): number | undefined {
    const oldest = this.#past.find(presentKey(call, this.#event.where))?.oldestSince(now - this.#span)
    return oldest === undefined ? undefined : oldest + this.#span
  }
}

/** `formerly`; and `since`, where none that undoes it came after. */
class LastMonitor implements Monitor {
  readonly #event: Event
  readonly #undone: Event | null
  readonly #span: number
  readonly #uncertain: Uncertainty
  readonly #last = new Map<string, { readonly at: number; readonly turn: number }>()
  readonly #undoneAt = new Map<string, number>()
  #turn = 0

  constructor({ event, seconds, ...more }: Extract<Condition, { kind: "formerly" | "since" }>) {
    this.#event = new Event(event)
    this.#undone = "undoneBy" in more ? new Event(more.undoneBy) : null
    this.#span = seconds * 1000
    this.#uncertain = new Uncertainty(this.#span)
  }

  redefine(): void {
    // It has no threshold.
  }

  judge(call: ModelCall, now: number, slack: number): Range {
    const last = this.#last.get(presentKey(call, this.#event.where))
    const undone = this.#undone ? (this.#undoneAt.get(presentKey(call, this.#undone.where)) ?? 0) : 0
    if (!last || undone > last.turn) return exactly(false)
    // Of `since` each call is written down.
    const off = this.#undone ? 0 : this.#uncertain.within(now, slack)
    const age = now - last.at
    return { mayHold: age < this.#span * (1 + off), mayFail: age >= this.#span * (1 - off) }
  }

  admitted(call: ModelCall, now: number): void {
    this.#turn += 1
    const [isSuch, undoes] = [this.#event.isSuch(call, now), this.#undone?.isSuch(call, now) ?? false]
    if (isSuch) this.#last.set(pastKey(call, this.#event.where), { at: now, turn: this.#turn })
    if (undoes) this.#undoneAt.set(pastKey(call, this.#undone?.where ?? []), this.#turn)
    this.#event.admitted(call, now)
    this.#undone?.admitted(call, now)
  }

  crashed(now: number): void {
    this.#uncertain.crashed(now)
    this.#event.crashed(now)
    this.#undone?.crashed(now)
  }

  edge(call: ModelCall): number | undefined {
    const last = this.#last.get(presentKey(call, this.#event.where))
    return last && last.at + this.#span
  }
}

/** The call right before this one, of the task or of the tree. */
class PreviousMonitor implements Monitor {
  readonly #event: Event
  readonly #in: "task" | "tree"
  readonly #span: number
  readonly #uncertain: Uncertainty
  readonly #previous = new Map<string, { readonly at: number; readonly key: string; readonly isSuch: boolean }>()

  constructor(of: Extract<Condition, { kind: "previous" }>) {
    this.#event = new Event(of.event)
    this.#in = of.in
    this.#span = of.seconds * 1000
    this.#uncertain = new Uncertainty(this.#span)
  }

  redefine(): void {
    // It has no threshold.
  }

  judge(call: ModelCall, now: number, slack: number): Range {
    const previous = this.#previous.get(fieldOf(call, this.#in))
    if (!previous?.isSuch || previous.key !== presentKey(call, this.#event.where)) return exactly(false)
    const off = this.#uncertain.within(now, slack)
    const age = now - previous.at
    return { mayHold: age < this.#span * (1 + off), mayFail: age >= this.#span * (1 - off) }
  }

  admitted(call: ModelCall, now: number): void {
    const [isSuch, key] = [this.#event.isSuch(call, now), pastKey(call, this.#event.where)]
    this.#previous.set(fieldOf(call, this.#in), { at: now, key, isSuch })
    this.#event.admitted(call, now)
  }

  crashed(now: number): void {
    this.#uncertain.crashed(now)
    this.#event.crashed(now)
  }

  edge(call: ModelCall): number | undefined {
    const previous = this.#previous.get(fieldOf(call, this.#in))
    return previous && previous.at + this.#span
  }
}

class CombinedMonitor implements Monitor {
  readonly #kind: "all" | "any" | "not"
  readonly #parts: readonly Monitor[]

  constructor(kind: "all" | "any" | "not", parts: readonly Monitor[]) {
    this.#kind = kind
    this.#parts = parts
  }

  redefine(condition: Condition): void {
    const parts = condition.kind === "not" ? [condition.of] : "of" in condition ? condition.of : []
    for (const [index, part] of parts.entries()) this.#parts[index]?.redefine(part)
  }

  judge(call: ModelCall, now: number, slack: number): Range {
    const ranges = this.#parts.map((part) => part.judge(call, now, slack))
    const [first] = ranges
    if (this.#kind === "not") return { mayHold: first?.mayFail ?? true, mayFail: first?.mayHold ?? false }
    if (this.#kind === "all") {
      return { mayHold: ranges.every((each) => each.mayHold), mayFail: ranges.some((each) => each.mayFail) }
    }
    return { mayHold: ranges.some((each) => each.mayHold), mayFail: ranges.every((each) => each.mayFail) }
  }

  admitted(call: ModelCall, now: number): void {
    for (const part of this.#parts) part.admitted(call, now)
  }

  crashed(now: number): void {
    for (const part of this.#parts) part.crashed(now)
  }

  edge(call: ModelCall, now: number): number | undefined {
    const edges = this.#parts.flatMap((part) => part.edge(call, now) ?? []).filter((edge) => edge > now)
    return edges.length > 0 ? Math.min(...edges) : undefined
  }
}

function monitorOf(condition: Condition): Monitor {
  switch (condition.kind) {
    case "all":
    case "any":
      return new CombinedMonitor(condition.kind, condition.of.map(monitorOf))
    case "not":
      return new CombinedMonitor("not", [monitorOf(condition.of)])
    case "formerly":
    case "since":
      return new LastMonitor(condition)
    case "previous":
      return new PreviousMonitor(condition)
    case "distinct":
      return new DistinctMonitor(condition)
    case "count":
    case "sum":
      return new TotalMonitor(condition)
    default:
      return condition satisfies never
  }
}

/** Calls to the tools of a sequence are admitted only where its condition holds. */
export class SequenceModel implements Model {
  readonly #tools: readonly string[]
  readonly #monitor: Monitor
  readonly #sequenceOf: (threshold: number) => Sequence

  constructor(sequenceOf: (threshold: number) => Sequence, threshold: number) {
    const { of, require } = sequenceOf(threshold)
    this.#sequenceOf = sequenceOf
    this.#tools = of.tools
    this.#monitor = monitorOf(require)
  }

  redefined(threshold: number): void {
    this.#monitor.redefine(this.#sequenceOf(threshold).require)
  }

  admits(call: ModelCall, now: number): boolean {
    return !matches(this.#tools, call) || this.#monitor.judge(call, now, 0).mayHold
  }

  explains(call: ModelCall, now: number, slack: number): boolean {
    return matches(this.#tools, call) && this.#monitor.judge(call, now, slack).mayFail
  }

  admitted(call: ModelCall, now: number): void {
    this.#monitor.admitted(call, now)
  }

  woke(now: number): void {
    this.#monitor.crashed(now)
  }

  edge(call: ModelCall, now: number): number | undefined {
    return this.#monitor.edge(call, now)
  }
}
