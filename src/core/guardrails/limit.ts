/**
 * Limits: at most so much of a measure for each key in a span. Windows, budgets, limits on repeated calls, and changes
 * of what a gateway asserts are all of this kind. The topic decides the code of a denial, and whether there is a gauge.
 */
import type { Denial } from "../denials/denial.ts"
import { shownUnits, unitsOf } from "./amount.ts"
import { argumentOf, isUnread, keyReader, unreadable, valuesOf, type CallFacts } from "./field.ts"
import {
  evaluationOf,
  NOTHING,
  TRACKS_NOTHING,
  type CompiledGuardrail,
  type Evaluation,
  type GaugeSource,
  type GuardrailKind,
  type Need,
  type UseFigures,
} from "./kind.ts"
import { historyOf, isOfFleet, isShared, type Limit } from "./limit-definition.ts"
import { brings, isCrowded, roomFor } from "./agent-share.ts"
import { freshOf, hasRoom, keysOf, lentOwnerOf, updatesOf, ownerOf, readLimit } from "./limit-meter.ts"
import { Memory, WHOLE_ROOM } from "./memory.ts"
import type { Demand, Reading } from "./meter/meter.ts"
import type { MemoryUpdate } from "./memory-update.ts"
import { coversCall, coversTool } from "./selector.ts"

const FOR_THE_WHOLE_TREE = "for the whole tree"

export const limit: GuardrailKind<Limit> = {
  doc: "At most so many calls, so much of their cost or of an amount, or so many different values, in a span of time or as long as the task tree lives.",
  gauges: { window: FOR_THE_WHOLE_TREE, budget: FOR_THE_WHOLE_TREE },
  compile,
  // Windows limit how fast a client opens sessions and sends pings. No other topic applies to calls that only keep a
  // session alive.
  coversLifecycle: ({ topic }) => topic === "window",
  count: ({ per, measure }) => ({ per, of: "field" in measure ? measure.field : null }),
  conditionArguments: () => [],
  gauge,
  written: (definition) =>
    definition.measure.kind === "sum" ? { ...definition, limit: shownUnits(definition.limit) } : definition,
  recordedDenial: (definition) => recordedDenial(definition, null, null),
  recreate,
}

function compile(limit: Limit): CompiledGuardrail<Limit> {
  const keyOf = keyReader(limit.per)
  const { per, measure } = limit
  const fields = measure.kind === "distinct" ? [...per, measure.field] : per
  const asserted = (["country", "network"] as const).filter((field) => fields.includes(field))
  const evaluate = isShared(limit) ? evaluateShared : isCrowded(historyOf(limit), per) ? evaluateCrowded : evaluateOwn
  const ofFleet = isOfFleet(limit)
  return {
    ...TRACKS_NOTHING,
    guardrail: limit,
    history: historyOf(limit),
    countsObserved: true,
    denialObserver: null,
    appliesTo: (tool) => coversTool(limit.of, tool),
    evaluate: (facts, memory, now) => {
      if (!coversCall(limit.of, facts, true)) return NOTHING
      // If the gateway asserts no country or network, it cannot change; the operator declares whether it does.
      if (asserted.some((field) => facts[field] === null)) return NOTHING
      const demand = demandOf(limit, facts)
      if (isDenial(demand)) return evaluationOf(demand)
      const key = keyOf(facts)
      return isUnread(key)
        ? evaluationOf(unreadable(limit.id, key))
        : (ofFleet && facts.fleet ? evaluateShared : evaluate)(limit, key, demand, memory, now, facts)
    },
  }
}

function isDenial(demand: Demand | Denial): demand is Denial {
  return typeof demand === "object" && "reason" in demand
}

/** Returns the amount or the values that the call demands, or the denial if they cannot be read. */
function demandOf({ id, measure }: Limit, facts: CallFacts): Demand | Denial {
  switch (measure.kind) {
    case "calls":
      return 1
    case "cost":
      return facts.tool.cost
    case "sum": {
      const value = argumentOf(facts.arguments, measure.field)
      if ("because" in value && value.because !== "absent") return unreadable(id, value)
      const amount = unitsOf("found" in value ? value.found : undefined)
      if (typeof amount === "number") return amount
      return { reason: "amount_unreadable", guardrail: id, field: measure.field, what: amount }
    }
    case "distinct": {
      const values = valuesOf(measure.field, facts)
      return isUnread(values) ? unreadable(id, values) : values
    }
    default:
      return measure satisfies never
  }
}

/** Evaluates a count of which each agent of the user could make any number of keys. */
function evaluateCrowded(
  limit: Limit,
  key: string,
  demand: Demand,
  memory: Memory,
  now: number,
  facts: CallFacts,
): Evaluation {
  const { historyKey: agent } = facts
  const crowded = { memory, owner: ownerOf(limit), seconds: secondsOf(limit) }
  const evaluated = evaluateOwn(limit, key, demand, memory, now, facts, roomFor(crowded, agent, now))
  if (evaluated.memoryUpdates.length === 0) return evaluated
  const brought = brings(crowded, agent, freshOf(memory, limit, key, demand, now))
  return { ...evaluated, memoryUpdates: [...evaluated.memoryUpdates, ...brought] }
}

/** Evaluates a count that only this ledger keeps. */
function evaluateOwn(
  limit: Limit,
  key: string,
  demand: Demand,
  memory: Memory,
  now: number,
  _facts: CallFacts,
  most = WHOLE_ROOM,
): Evaluation {
  if (!hasRoom(memory, limit, key, demand, now, most))
    return evaluationOf({ reason: "history_full", guardrail: limit.id })
  const reading = readLimit(memory, limit, key, demand, now)
  // A call that a person approves counts, too.
  const counts = reading.waits === 0 || limit.consequence === "approve"
  return evaluationAt(limit, reading, counts ? updatesOf(memory, limit, key, demand) : NO_UPDATES)
}
const NO_UPDATES: readonly MemoryUpdate[] = []

/** Evaluates a count that all ledgers share, or those of one agent, by the credit that this ledger has. */
function evaluateShared(
  limit: Limit,
  key: string,
  demand: Demand,
  memory: Memory,
  _now: number,
  facts: CallFacts,
): Evaluation {
  const owner = lentOwnerOf(limit)
  const values = typeof demand === "object" ? demand : null
  const amount = typeof demand === "object" ? demand.length : demand
  // The values of each call are requested on their own.
  const place = values ? `${key}\n${values.join("\n")}` : key
  const credit = memory.credits.find(owner, place)
  const hasRoom = credit?.room !== undefined && credit.room >= amount
  const fleet = isShared(limit) ? null : (facts.fleet?.agent ?? null)
  const need: Need = { owner, key, place, limit, amount, fleet, values, over: null, hasRoom, look: false }
  const memoryUpdates: readonly MemoryUpdate[] =
    amount === 0 ? NO_UPDATES : [{ kind: "credit", owner, key: place, amount }]
  if (credit?.over && credit.left >= amount)
    return evaluationAt(limit, { ...credit.over, asked: amount }, memoryUpdates)
  if (credit?.refused && credit.left < amount) {
    const { refused } = credit
    // A call that a person approves counts although there is no room for it, so it requests credit once more.
    const over = limit.consequence === "approve" ? { ...need, over: refused } : null
    return { ...evaluationAt(limit, { ...refused, asked: amount }, NO_UPDATES), need: over }
  }
  // Without a request to the shared count, this tree does not know how much of it is used.
  const notRecorded = evaluationOf(null, { use: { guardrail: limit.id, holds: true, kind: limit.kind } })
  const standing = credit
    ? evaluationAt(limit, { used: credit.used, asked: amount, waits: 0 }, NO_UPDATES)
    : notRecorded
  return amount > (credit?.left ?? 0) ? { ...standing, need } : { ...standing, memoryUpdates }
}

/** @param memoryUpdates of an admitted call; none if there is no room */
function evaluationAt(limit: Limit, reading: Reading, memoryUpdates: readonly MemoryUpdate[]): Evaluation {
  const { id, kind, measure, topic, span } = limit
  const inFigures = measure.kind === "sum" ? shownUnits : (count: number): number => count
  const { used, asked, waits } = reading
  const most = span.kind === "bucket" ? span.burst : limit.limit
  const use = {
    asked: inFigures(asked),
    guardrail: id,
    holds: waits === 0,
    kind,
    limit: inFigures(most),
    used: inFigures(used),
  }
  const isRate = topic === "window" && span.kind !== "life"
  const rate = isRate ? { asked, limit: most, seconds: secondsOf(limit), used, waits, window: id } : null
  return evaluationOf(waits > 0 ? exceeded(limit, reading) : null, { memoryUpdates, use, rate })
}

/** Seconds until all of it is available again. 0 if never. */
function secondsOf({ span, limit }: Limit): number {
  if (span.kind === "life") return 0
  return span.kind === "bucket" ? Math.ceil((span.burst * span.seconds) / limit) : span.seconds
}

function exceeded(limit: Limit, { used, asked, waits }: Reading): Denial {
  const { id, topic, measure, consequence, limit: most, span } = limit
  const seconds = secondsOf(limit)
  switch (topic) {
    case "window": {
      // A call that never fits is as likely to fit after the whole span as at any other time.
      const retry_after = Number.isFinite(waits) ? Math.ceil(waits / 1000) : seconds
      const inFigures = span.kind === "bucket" ? span.burst : most
      return { reason: "window_full", window: id, limit: inFigures, seconds, retry_after, consequence }
    }
    case "budget": {
      const inFigures = measure.kind === "sum" ? shownUnits : (count: number): number => count
      const figures = { limit: inFigures(most), used: inFigures(used), asked: inFigures(asked) }
      const of = { budget: id, ...figures, seconds: seconds === 0 ? null : seconds }
      const retry_after = Number.isFinite(waits) ? Math.ceil(waits / 1000) : null
      return { reason: "budget_spent", ...of, retry_after, consequence }
    }
    case "loop":
      return { reason: "call_repeated", guardrail: id, limit: most, seconds, consequence }
    case "deviation":
      return { reason: "origin_changed", guardrail: id, limit: most, seconds, consequence }
    default:
      return topic satisfies never
  }
}

function gauge(limit: Limit): GaugeSource | null {
  const { topic, measure, span, per } = limit
  if (topic !== "window" && topic !== "budget") return null
  const inFigures = measure.kind === "sum" ? shownUnits : (count: number): number => count
  const demand = measure.kind === "distinct" ? [] : 0
  return {
    kind: topic,
    measure: measure.kind,
    limit: inFigures(span.kind === "bucket" ? span.burst : limit.limit),
    seconds: secondsOf(limit) || null,
    history: historyOf(limit),
    isShared: isShared(limit),
    isSharedByFleet: isOfFleet(limit),
    per,
    counts: (memory, now) =>
      keysOf(memory, limit).map((key) => [key, inFigures(readLimit(memory, limit, key, demand, now).used)]),
  }
}

/** @param used null if it is unknown, as is `asked` */
function recordedDenial({ id, topic, limit, consequence }: Limit, used: number | null, asked: number | null): Denial {
  switch (topic) {
    case "window":
      return { reason: "window_full", window: id, limit, seconds: 0, retry_after: 1, consequence }
    case "budget":
      return { reason: "budget_spent", budget: id, limit, used, asked, seconds: null, retry_after: null, consequence }
    case "loop":
      return { reason: "call_repeated", guardrail: id, limit, seconds: 0, consequence }
    case "deviation":
      return { reason: "origin_changed", guardrail: id, limit, seconds: 0, consequence }
    default:
      return topic satisfies never
  }
}

/** Subtracts what was used from the limit; the recorded call must comply with the rest. */
function recreate(limit: Limit, use: UseFigures, before: Limit | null): CompiledGuardrail<Limit> | null {
  if (before && !countsAlike(before, limit)) return null
  const { used, asked } = use
  const units = (count: number): number => {
    const amount = limit.measure.kind === "sum" ? unitsOf(count) : count
    return typeof amount === "number" ? amount : Number.POSITIVE_INFINITY
  }
  const { span } = limit
  const compiled = compile(limit)
  // The count of values shows how many of the call's values were new then.
  if (limit.measure.kind === "distinct") {
    const denial = used + asked > limit.limit ? recordedDenial(limit, used, asked) : null
    return { ...compiled, evaluate: () => evaluationOf(denial, { use }) }
  }
  const { history: _history, ...counted } = limit
  const rest = compile({
    ...counted,
    per: ["task"],
    limit: span.kind === "bucket" ? limit.limit : limit.limit - units(used),
    span: span.kind === "bucket" ? { ...span, burst: span.burst - used } : span,
  })
  return { ...compiled, evaluate: (facts, _memory, now) => rest.evaluate(facts, new Memory(), now) }
}

function countsAlike(one: Limit, other: Limit): boolean {
  const countedBy = ({ per, measure, span }: Limit): string =>
    JSON.stringify([per, measure, span.kind, "seconds" in span ? span.seconds : null])
  return countedBy(one) === countedBy(other)
}
