/**
 * One kind of guardrail, driven for as many calls as are asked for beside its model, on a tree as its ledger keeps it:
 * at every pace, with evictions, crashes and transactions that fail, by a clock that makes steps, and with bundles that
 * raise and lower the threshold in between. The tree's answers are followed, so that one disagreement does not become many.
 */
import type { Condition } from "../../src/core/guardrails/condition.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { Opening } from "../../src/core/task/opening-step.ts"
import { heldOf, KeptTree, openingsOf } from "../harness/driven-trees.ts"
import { TOOLS } from "../harness/guardrail-worlds.ts"
import { openYard } from "../harness/modelled-life.ts"
import { ALICE, callOf, START } from "../harness/trees.ts"
import { Dice } from "./dice.ts"
import { explainedBy, HUNDREDTH, type Asked, type Model, type ModelCall } from "./model.ts"
import { SteppingClock } from "./stepping-clock.ts"

export interface Kind {
  readonly name: string
  readonly guardrail: (threshold: number) => Guardrail
  /** Bundles have one after the other of these, in any order. */
  readonly thresholds: readonly number[]
  readonly model: (threshold: number) => Model
  readonly ask: (dice: Dice, turn: number) => Asked
  /** Of all calls that a section of guardrails.yaml is driven for, which its kinds share; absent: 1. */
  readonly part?: number
  /** Milliseconds between two calls where just what is admitted is asked for. */
  readonly gap: (threshold: number) => number
  /** Calls from one crash to the next, about; absent: 3,000. */
  readonly crashEvery?: number
}

export interface Disagreement {
  readonly turn: number
  readonly direction: "admitted" | "denied"
  readonly threshold: number
  readonly at: number
  readonly call: Asked
  readonly reason: string | null
  /** Calls since the tree last woke, and since the bundle last changed. */
  readonly sinceWake: number
  readonly sinceChange: number
  /** And since the clock last made a step. */
  readonly sinceStep: number
}

export interface Result {
  readonly kind: string
  readonly seed: number
  readonly calls: number
  readonly admitted: number
  readonly wakes: number
  readonly changes: number
  /** Of the clock. */
  readonly steps: number
  readonly disagreements: { readonly admitted: number; readonly denied: number }
  /** The first of them. */
  readonly examples: readonly Disagreement[]
  /** Denials that only a documented error explains, and the largest share of a span that one took. */
  readonly early: number
  readonly slack: number
  /** The same of what only a crash explains. */
  readonly crashSlack: number
  /** Denials that only a step of the clock explains. */
  readonly late: number
}

const EXAMPLES = 3
type Pace = "steady" | "random" | "burst" | "edge" | "sparse"
const PACES: readonly Pace[] = ["steady", "steady", "random", "burst", "burst", "edge", "edge", "sparse"]

const DURATIONS: ReadonlyMap<string, number> = new Map(
  Object.entries(TOOLS).map(([name, tool]) => [name, "duration" in tool ? tool.duration * 1000 : 0]),
)
const COSTS: ReadonlyMap<string, number> = new Map(Object.entries(TOOLS).map(([name, { cost }]) => [name, cost]))

export class Run {
  readonly #kind: Kind
  readonly #seed: number
  readonly #dice: Dice
  readonly #model: Model
  readonly #tree: KeptTree
  readonly #bundles: ReadonlyMap<number, Bundle>
  readonly #openings: readonly Opening[]
  readonly #held: readonly ReturnType<typeof heldOf>[]
  readonly #landable: { readonly id: string; readonly gateway: string }[] = []
  readonly #disagreements = { admitted: 0, denied: 0 }
  readonly #examples: Disagreement[] = []
  #threshold: number
  readonly #clock: SteppingClock
  #turn = 0
  #pace: Pace = "steady"
  #load = 1
  #last: ModelCall | null = null
  #wokeAt = 0
  #changedAt = 0
  #steppedAt = 0
  readonly #span: number
  /** Until then, what was counted before a step of the clock may count for longer (docs/reference/faults.md). */
  #settledAt = 0
  /** Whether the ledger has stored the time of the last call. */
  #isStored = true
  #admitted = 0
  #wakes = 0
  #changes = 0
  #early = 0
  #slack = 0
  #crashSlack = 0
  #late = 0

  constructor(storage: DurableObjectStorage, kind: Kind, seed: number) {
    this.#kind = kind
    this.#seed = seed
    this.#dice = new Dice(seed, kind.name)
    this.#clock = new SteppingClock(new Dice(seed, `${kind.name}, steps`), unitOf(kind.guardrail(1)))
    this.#span = spanOf(kind.guardrail(1))
    this.#bundles = new Map(kind.thresholds.map((each) => [each, openYard([kind.guardrail(each)])]))
    this.#threshold = kind.thresholds[0] ?? 1
    this.#model = kind.model(this.#threshold)
    this.#tree = new KeptTree(storage, this.#bundle(), ALICE)
    this.#openings = openingsOf(this.#bundle(), ALICE)
    // The task lasts as long as the run does.
    for (const each of this.#openings)
      this.#tree.open({ ...each, task: each.task && { ...each.task, expiresAt: START * 2 } })
    this.#held = this.#openings.map(heldOf)
  }

  #bundle(): Bundle {
    const bundle = this.#bundles.get(this.#threshold)
    if (!bundle) throw new Error(`no bundle has ${this.#threshold}`)
    return bundle
  }

  go(calls: number): void {
    for (const end = this.#turn + calls; this.#turn < end; this.#turn++) {
      if (this.#turn % 150 === 0) {
        this.#pace = this.#dice.pick(PACES)
        this.#load = this.#dice.pick([0.1, 0.5, 0.9, 1, 1, 1.1, 2, 10])
      }
      if (this.#clock.turn() || this.#wait()) this.#step()
      else {
        this.#happen()
        this.#call()
      }
    }
  }

  /** The ledger corrects its clock, which wakes it; tokens, of which a step back cuts the life short, are renewed. */
  #step(): void {
    const { counted } = this.#clock
    this.#settledAt = counted + this.#span
    this.#model.woke?.(counted)
    this.#model.stepped?.(this.#settledAt)
    this.#wokeAt = this.#steppedAt = this.#turn
    this.#call()
    for (const each of this.#openings) this.#tree.open({ ...each, task: null })
  }

  get result(): Result {
    return {
      kind: this.#kind.name,
      seed: this.#seed,
      calls: this.#turn,
      admitted: this.#admitted,
      wakes: this.#wakes,
      changes: this.#changes,
      steps: this.#clock.steps,
      disagreements: this.#disagreements,
      examples: this.#examples,
      early: this.#early,
      slack: this.#slack,
      crashSlack: this.#crashSlack,
      late: this.#late,
    }
  }

  /** @returns whether the ledger takes the pause for a step of the clock */
  #wait(): boolean {
    return this.#clock.wait(this.#pause())
  }

  #pause(): number {
    const gap = this.#kind.gap(this.#threshold) / this.#load
    const dice = this.#dice
    switch (this.#pace) {
      case "steady":
        return Math.round(gap)
      case "random":
        return Math.round(-Math.log(1 - dice.next()) * gap)
      case "burst":
        return dice.chance(0.03) ? Math.round(gap * 33) : 0
      case "sparse":
        return Math.round(gap * dice.pick([0, 1, 1, 3, 10]))
      default: {
        const now = this.#clock.counted
        const edge = this.#last && this.#model.edge?.(this.#last, now)
        if (dice.chance(0.5)) return 0
        return edge ? edge + dice.pick([-1, 0, 0, 1]) - now : Math.round(gap)
      }
    }
  }

  #happen(): void {
    const dice = this.#dice
    if (dice.chance(1 / (this.#kind.crashEvery ?? 1_000)) && this.#knowsTime()) this.#wake()
    if (this.#kind.thresholds.length > 1 && dice.chance(1 / 2_000)) {
      const others = this.#kind.thresholds.filter((each) => each !== this.#threshold)
      this.#threshold = dice.pick(others)
      this.#tree.bundle = this.#bundle()
      this.#model.redefined?.(this.#threshold, this.#clock.counted)
      this.#changes += 1
      this.#changedAt = this.#turn
    }
    if (this.#landable.length > 0 && dice.chance(0.2)) {
      const flight = dice.pick(this.#landable)
      this.#tree.land(flight.id, flight.gateway)
      this.#model.landed?.(flight.id)
    }
  }

  /** A pause is longer for a life that does not know of the last calls, and may be taken for a step. */
  #knowsTime(): boolean {
    return this.#clock.isPlain || this.#isStored
  }

  #wake(): void {
    this.#tree.crash(this.#clock.shown)
    this.#model.woke?.(this.#clock.counted)
    this.#wakes += 1
    this.#wokeAt = this.#turn
  }

  #call(): void {
    const asked = this.#kind.ask(this.#dice, this.#turn)
    const held = this.#held[asked.by]
    if (!held) throw new Error(`no task ${asked.by}`)
    const call = callOf(held, asked.tool, asked.values, { client: { country: asked.country, network: null } })
    const [cost, duration] = [COSTS.get(asked.tool) ?? 0, DURATIONS.get(asked.tool) ?? 0]
    const modelled: ModelCall = { ...asked, id: call.decisionId, cost, duration }
    this.#last = modelled
    const { shown, counted: now } = this.#clock
    if (this.#dice.chance(1 / 5_000) && this.#knowsTime()) {
      // Nothing comes of it but that memory is made anew.
      this.#tree.fail(call, shown)
      this.#wokeAt = this.#turn
      this.#model.woke?.(now)
    }
    const reason = this.#tree.call(call, shown)?.reason ?? null
    this.#isStored = reason === null
    if (reason !== null) this.#denied(modelled, now, reason)
    else {
      this.#admitted += 1
      if (FORBIDDEN.has(asked.tool) || !this.#model.admits(modelled, now)) this.#disagree("admitted", asked, now, null)
      this.#model.admitted(modelled, now)
      if (duration > 0) this.#landable.push({ id: call.decisionId, gateway: call.gateway })
      if (this.#landable.length > 20) this.#landable.shift()
    }
  }

  #denied(call: ModelCall, now: number, reason: string): void {
    const isForbidden = FORBIDDEN.get(call.tool) === reason
    const explained = isForbidden ? 0 : explainedBy(this.#model, call, now)
    const isOfThis = isForbidden || REASONS.has(reason)
    const isSettled = now >= this.#settledAt
    if (!isOfThis || (explained === undefined && isSettled)) this.#disagree("denied", call, now, reason)
    else if (explained === undefined) this.#late += 1
    else if (explained > 0) {
      this.#early += 1
      if (explained <= HUNDREDTH) this.#slack = Math.max(this.#slack, explained)
      else this.#crashSlack = Math.max(this.#crashSlack, explained)
    }
    this.#model.denied?.(call, now, reason)
  }

  #disagree(direction: "admitted" | "denied", call: Asked, now: number, reason: string | null): void {
    this.#disagreements[direction] += 1
    if (this.#examples.length >= EXAMPLES) return
    const [turn, threshold] = [this.#turn, this.#threshold]
    const [sinceWake, sinceChange, sinceStep] = [turn - this.#wokeAt, turn - this.#changedAt, turn - this.#steppedAt]
    const since = { sinceWake, sinceChange, sinceStep }
    this.#examples.push({ turn, direction, threshold, at: now - START, call, reason, ...since })
  }
}

/** A fixed span begins by the clock: one that is a whole number of spans off begins it at the same time. */
function unitOf(guardrail: Guardrail): number {
  const span = guardrail.kind === "limit" && guardrail.span.kind === "fixed" ? guardrail.span : null
  return span ? span.seconds * 1000 : 1
}

/** Milliseconds after which nothing that the guardrail has counted counts any more. */
function spanOf(guardrail: Guardrail): number {
  switch (guardrail.kind) {
    case "limit": {
      const { span } = guardrail
      // A fixed span that begins by the wrong clock is followed by one that begins by the right one.
      return span.kind === "life" ? 0 : span.seconds * (span.kind === "fixed" ? 2_000 : 1_000)
    }
    case "sequence":
      return spanOfCondition(guardrail.require)
    case "storm":
      return guardrail.seconds * 1_000
    case "cycle":
    case "concurrency":
      return 0
    default:
      return guardrail satisfies never
  }
}

function spanOfCondition(condition: Condition): number {
  switch (condition.kind) {
    case "not":
      return spanOfCondition(condition.of)
    case "all":
    case "any":
      return Math.max(...condition.of.map(spanOfCondition))
    default: {
      const { when } = condition.event
      return condition.seconds * 1_000 + (when ? spanOfCondition(when) : 0)
    }
  }
}

/** What each kind of guardrail denies by; that there was no room to remember it is none of them. */
const REASONS: ReadonlySet<string> = new Set([
  "window_full",
  "budget_spent",
  "sequence_broken",
  "call_repeated",
  "calls_circle",
  "denial_storm",
  "origin_changed",
  "too_many_at_once",
])

/** Denied whatever the guardrails say. */
const FORBIDDEN: ReadonlyMap<string, string> = new Map([
  ["no.tool", "tool_unknown"],
  ["files.forbidden", "policy_permits_nothing"],
])
