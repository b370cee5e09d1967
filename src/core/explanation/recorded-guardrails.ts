/**
 * Guardrails for a recorded call. Only the record shows what was in their memory, so each decides by that. If the
 * record does not mention a guardrail, or it has changed since, the call is assumed to comply with it. If the catalog
 * redacts what a limit reads, the record has no figures, but only whether the call complied. That holds for the same
 * limit, and says nothing about one that was changed.
 */
import type { Denial } from "../denials/denial.ts"
import type { Guardrail, Limit } from "../guardrails/definition.ts"
import type { Guardrails } from "../guardrails/guardrails.ts"
import { guardrailsOf } from "../guardrails/guardrails.ts"
import { judged, NOTHING, type GuardrailKind, type Use } from "../guardrails/kind.ts"
import { limitInstrument } from "../guardrails/limit.ts"
import { Memory } from "../guardrails/memory.ts"
import { unitsOf } from "../guardrails/amount.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { RecordedCall } from "./recorded-call.ts"

export interface RecordedGuardrails {
  readonly guardrails: Guardrails
  /** Guardrails whose state the record does not show. */
  readonly untold: readonly string[]
  /** The one of these that denied the call, without figures in the record: how it would decide now is unknown. */
  readonly unknown: string | null
}

/** @param recordedBy the bundle that decided it, if it is available */
export function toldBy(record: RecordedCall, bundle: Bundle, recordedBy: Bundle | null): RecordedGuardrails {
  const all = bundle.guardrails
  const tool = record.tool === null ? undefined : bundle.catalog.tools.get(record.tool)
  if (!tool) return { guardrails: guardrailsOf([], []), untold: [], unknown: null }
  const before = new Map(recordedBy?.guardrails.definitions.map((each) => [each.id, each]))
  const uses = new Map(usesIn(record).map((use) => [use.guardrail, use]))
  const notRecorded: string[] = []
  const breaker = brokenBy(record)
  let unknown: string | null = null
  const judges = all.about(tool).judges.map((instrument): GuardrailKind => {
    const { guardrail } = instrument
    const { id, kind } = guardrail
    const use = uses.get(id) ?? (id === breaker ? { guardrail: id, kind, holds: false } : undefined)
    const recorded = use && toldInstrument(instrument, use, before.get(id))
    if (!recorded) notRecorded.push(id)
    if (!recorded && id === breaker && use?.used === undefined && guardrail.kind === "limit") unknown = id
    return recorded ?? judging(instrument, () => NOTHING)
  })
  return {
    guardrails: { ...all, denialObservers: [], about: () => ({ judges, tracks: [] }) },
    untold: notRecorded,
    unknown,
  }
}

/** The guardrail that denied the call. */
function brokenBy({ denial }: RecordedCall): unknown {
  return denial && (denial.window ?? denial.budget ?? denial.guardrail)
}

/** Windows have records of their own, with what a caller could know of them. */
function usesIn({ windows, guardrails }: RecordedCall): readonly Use[] {
  const rates = windows.map(({ window, limit, used, asked = 1, waits = 0 }): Use => {
    return { guardrail: window, kind: "limit", holds: waits === 0, used, asked, limit }
  })
  return [...rates, ...guardrails]
}

function toldInstrument(instrument: GuardrailKind, use: Use, before: Guardrail | undefined): GuardrailKind | null {
  const { guardrail } = instrument
  if (guardrail.kind === "limit") return use.kind === "limit" ? toldLimit(instrument, guardrail, use, before) : null
  return isSame(before, guardrail) ? heldAgain(instrument, use) : null
}

/** The record only says whether the call complied, which says nothing about a limit that was changed. */
function isSame(before: Guardrail | undefined, guardrail: Guardrail): boolean {
  return before !== undefined && JSON.stringify(before) === JSON.stringify(guardrail)
}

function judging(instrument: GuardrailKind, judge: GuardrailKind["evaluate"]): GuardrailKind {
  return { ...instrument, evaluate: judge }
}

/** Denies as its kind denies; the record of a use has no figures of its state then. */
function heldAgain(instrument: GuardrailKind, use: Use): GuardrailKind {
  return judging(instrument, () => (use.holds ? judged(null, { use }) : judged(denialOf(instrument.guardrail))))
}

function denialOf(guardrail: Guardrail): Denial {
  const { id, consequence } = guardrail
  switch (guardrail.kind) {
    case "limit":
      return denialByLimit(guardrail, null, null)
    case "sequence":
      return { reason: "sequence_broken", guardrail: id, consequence }
    case "cycle":
      return { reason: "calls_circle", guardrail: id, length: guardrail.longest, times: guardrail.times, consequence }
    case "storm": {
      const { limit, seconds } = guardrail
      return { reason: "denial_storm", guardrail: id, limit, seconds, consequence }
    }
    case "concurrency":
      return { reason: "too_many_at_once", guardrail: id, limit: guardrail.limit, retry_after: 1, consequence }
    default:
      return guardrail satisfies never
  }
}

function denialByLimit({ id, topic, limit, consequence }: Limit, used: number | null, asked: number | null): Denial {
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

/** The amount used is subtracted from the limit: the call has to stay within the rest. */
function toldLimit(
  instrument: GuardrailKind,
  limit: Limit,
  use: Use,
  before: Guardrail | undefined,
): GuardrailKind | null {
  const { used, asked } = use
  // Without figures if an argument is redacted.
  if (used === undefined || asked === undefined) return isSame(before, limit) ? heldAgain(instrument, use) : null
  if (before && before.kind !== "limit") return null
  if (before && !countsAlike(before, limit)) return null
  const units = (count: number): number => {
    const amount = limit.measure.kind === "sum" ? unitsOf(count) : count
    return typeof amount === "number" ? amount : Number.POSITIVE_INFINITY
  }
  const { span } = limit
  const own: Limit = {
    ...limit,
    per: ["task"],
    limit: span.kind === "bucket" ? limit.limit : limit.limit - units(used),
    span: span.kind === "bucket" ? { ...span, burst: span.burst - used } : span,
  }
  // The number that counted shows which of its values were new then.
  if (limit.measure.kind === "distinct") {
    const isOver = used + asked > limit.limit
    const denial = isOver ? denialByLimit(limit, used, asked) : null
    return { ...instrument, evaluate: () => judged(denial, { use }) }
  }
  const judge = limitInstrument(own)
  return { ...instrument, evaluate: (facts, _memory, now) => judge.evaluate(facts, new Memory(), now) }
}

function countsAlike({ per, measure, span }: Limit, other: Limit): boolean {
  const counting = (one: Pick<Limit, "per" | "measure" | "span">): string => {
    const { kind } = one.span
    return JSON.stringify([one.per, one.measure, kind, "seconds" in one.span ? one.span.seconds : null])
  }
  return counting({ per, measure, span }) === counting(other)
}
