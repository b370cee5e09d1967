/**
 * Limits: at most so much of a measure for each key in a span. Windows, budgets, repeated calls and changes of what a
 * gateway asserts are all of this kind. Their topic decides the code of a denial, and whether they have a gauge.
 */
import type { Denial } from "../denials/denial.ts"
import { shownUnits, unitsOf } from "./amount.ts"
import { argumentOf, isUnread, keyReader, unreadable, valuesOf, type CallFacts } from "./field.ts"
import {
  judged,
  NOTHING,
  TRACKS_NOTHING,
  type CompiledGuardrail,
  type Evaluation,
  type GaugeSource,
  type GuardrailKind,
  type Need,
  type UseFigures,
} from "./kind.ts"
import { isShared, type Limit } from "./limit-definition.ts"
import { hasRoom, keysOf, notesOf, ownerOf, readLimit } from "./limit-meter.ts"
import { Memory } from "./memory.ts"
import type { Demand, Reading } from "./meter/meter.ts"
import type { MemoryUpdate } from "./memory-update.ts"
import { coversCall, coversTool } from "./selector.ts"

const FOR_THE_WHOLE_TREE = "for the whole tree"

export const limit: GuardrailKind<Limit> = {
  doc: "At most so many calls, so much of their cost or of an amount, or so many different values, in a span of time or as long as the task tree lives.",
  gauges: { window: FOR_THE_WHOLE_TREE, budget: FOR_THE_WHOLE_TREE },
  compile,
  // Windows limit how fast a client opens sessions and sends pings. Nothing else applies to what keeps a session alive.
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
  const judge = isShared(limit) ? judgeShared : judgeOwn
  return {
    ...TRACKS_NOTHING,
    guardrail: limit,
    countsObserved: true,
    denialObserver: null,
    appliesTo: (tool) => coversTool(limit.of, tool),
    evaluate: (facts, memory, now) => {
      if (!coversCall(limit.of, facts, true)) return NOTHING
      // What its gateway does not assert cannot change: whether it asserts it is the operator's word.
      if (asserted.some((field) => facts[field] === null)) return NOTHING
      const demand = demandOf(limit, facts)
      if (isDenial(demand)) return judged(demand)
      const key = keyOf(facts)
      return isUnread(key) ? judged(unreadable(limit.id, key)) : judge(limit, key, demand, memory, now)
    },
  }
}

function isDenial(demand: Demand | Denial): demand is Denial {
  return typeof demand === "object" && "reason" in demand
}

/** How much, or which values; or why that is not to be known. */
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

/** A count that the tree keeps by itself. */
function judgeOwn(limit: Limit, key: string, demand: Demand, memory: Memory, now: number): Evaluation {
  if (!hasRoom(memory, limit, key, demand, now)) return judged({ reason: "history_full", guardrail: limit.id })
  const reading = readLimit(memory, limit, key, demand, now)
  // What a person approves of counts as well.
  const counts = reading.waits === 0 || limit.consequence === "approve"
  return stand(limit, reading, counts ? notesOf(memory, limit, key, demand) : NO_NOTES)
}
const NO_NOTES: readonly MemoryUpdate[] = []

/** A count that all trees share: of what was lent of it. */
function judgeShared(limit: Limit, key: string, demand: Demand, memory: Memory): Evaluation {
  const owner = ownerOf(limit)
  const values = typeof demand === "object" ? demand : null
  const amount = typeof demand === "object" ? demand.length : demand
  // Values are asked for one call at a time.
  const place = values ? `${key}\n${values.join("\n")}` : key
  const credit = memory.credits.find(owner, place)
  const hasRoom = credit?.room !== undefined && credit.room >= amount
  const need: Need = { owner, key, place, limit, amount, values, over: null, hasRoom, look: false }
  const memoryUpdates: readonly MemoryUpdate[] =
    amount === 0 ? NO_NOTES : [{ kind: "credit", owner, key: place, amount }]
  if (credit?.over && credit.left >= amount) return stand(limit, { ...credit.over, asked: amount }, memoryUpdates)
  if (credit?.refused && credit.left < amount) {
    const { refused } = credit
    // What a person approves counts as well, although there is no room for it: it is asked for once more.
    const over = limit.consequence === "approve" ? { ...need, over: refused } : null
    return { ...stand(limit, { ...refused, asked: amount }, NO_NOTES), need: over }
  }
  // Where it was not asked, nobody here knows how much of it is gone.
  const notRecorded = judged(null, { use: { guardrail: limit.id, kind: limit.kind, holds: true } })
  const standing = credit ? stand(limit, { used: credit.used, asked: amount, waits: 0 }, NO_NOTES) : notRecorded
  return amount > (credit?.left ?? 0) ? { ...standing, need } : { ...standing, memoryUpdates }
}

/** @param memoryUpdates of an admission; none where there is no room */
function stand(limit: Limit, reading: Reading, memoryUpdates: readonly MemoryUpdate[]): Evaluation {
  const { id, kind, measure, topic, span } = limit
  const shown = measure.kind === "sum" ? shownUnits : (count: number): number => count
  const { used, asked, waits } = reading
  const most = span.kind === "bucket" ? span.burst : limit.limit
  const use = { guardrail: id, kind, holds: waits === 0, used: shown(used), asked: shown(asked), limit: shown(most) }
  const isRate = topic === "window" && span.kind !== "life"
  const rate = isRate ? { window: id, limit: most, seconds: secondsOf(limit), used, asked, waits } : null
  return judged(waits > 0 ? exceeded(limit, reading) : null, { memoryUpdates, use, rate })
}

/** Seconds until all of it is available again; 0: never. */
function secondsOf({ span, limit }: Limit): number {
  if (span.kind === "life") return 0
  return span.kind === "bucket" ? Math.ceil((span.burst * span.seconds) / limit) : span.seconds
}

function exceeded(limit: Limit, { used, asked, waits }: Reading): Denial {
  const { id, topic, measure, consequence, limit: most, span } = limit
  const seconds = secondsOf(limit)
  switch (topic) {
    case "window": {
      // What never fits is as likely to fit after the whole span as at any time.
      const retry_after = Number.isFinite(waits) ? Math.ceil(waits / 1000) : seconds
      const shown = span.kind === "bucket" ? span.burst : most
      return { reason: "window_full", window: id, limit: shown, seconds, retry_after, consequence }
    }
    case "budget": {
      const shown = measure.kind === "sum" ? shownUnits : (count: number): number => count
      const figures = { limit: shown(most), used: shown(used), asked: shown(asked) }
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
  const shown = measure.kind === "sum" ? shownUnits : (count: number): number => count
  const demand = measure.kind === "distinct" ? [] : 0
  return {
    kind: topic,
    measure: measure.kind,
    limit: shown(span.kind === "bucket" ? span.burst : limit.limit),
    seconds: secondsOf(limit) || null,
    isShared: isShared(limit),
    per,
    counts: (memory, now) =>
      keysOf(memory, limit).map((key) => [key, shown(readLimit(memory, limit, key, demand, now).used)]),
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

/** What was used is subtracted from the limit. The rest is what the recorded call has to keep to. */
function recreate(limit: Limit, use: UseFigures, before: Limit | null): CompiledGuardrail<Limit> | null {
  if (before && !countsAlike(before, limit)) return null
  const { used, asked } = use
  const units = (count: number): number => {
    const amount = limit.measure.kind === "sum" ? unitsOf(count) : count
    return typeof amount === "number" ? amount : Number.POSITIVE_INFINITY
  }
  const { span } = limit
  const compiled = compile(limit)
  // The number of values that counted tells how many of them were new then.
  if (limit.measure.kind === "distinct") {
    const denial = used + asked > limit.limit ? recordedDenial(limit, used, asked) : null
    return { ...compiled, evaluate: () => judged(denial, { use }) }
  }
  const rest = compile({
    ...limit,
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
