/**
 * Temporal rules: a call is allowed only if a condition on the earlier calls of the tree holds. Each condition keeps in
 * memory only what it has to answer (monitor.ts), so that the cost of a decision does not depend on the history.
 */
import type { Denial } from "../denials/denial.ts"
import { argumentsInCondition } from "./condition-arguments.ts"
import type { Condition } from "./condition.ts"
import type { GuardrailDefinition } from "./definition.ts"
import { sha256Hex } from "../encoding/hash.ts"
import type { Monitor, ConditionResult, Ask, Setting } from "./compiled-condition.ts"
import type { CallFacts } from "./field.ts"
import { judged, NOTHING, type CompiledGuardrail, type TrackResult, type GuardrailKind } from "./kind.ts"
import type { Memory } from "./memory.ts"
import { turned } from "./listener.ts"
import { MONITORS } from "./monitor.ts"
import type { MemoryUpdate } from "./memory-update.ts"
import { coversCall, coversTool } from "./selector.ts"
import { writtenCondition } from "./written-condition.ts"

export interface Sequence extends GuardrailDefinition {
  readonly kind: "sequence"
  readonly require: Condition
}

export const sequence: GuardrailKind<Sequence> = {
  doc: "A call is allowed only if a condition on the earlier calls of its task tree holds.",
  gauges: {},
  compile: compileSequence,
  coversLifecycle: () => false,
  count: () => null,
  conditionArguments: ({ require }, tool, applies) => argumentsInCondition(require, tool, applies),
  gauge: () => null,
  written: (definition) => ({ ...definition, require: writtenCondition(definition.require) }),
  recordedDenial: ({ id: guardrail, consequence }) => ({ reason: "sequence_broken", guardrail, consequence }),
}

function compileSequence(sequence: Sequence): CompiledGuardrail<Sequence> {
  const { id, of: selector, consequence, kind } = sequence
  // No id has a backslash: what is kept for a part of one can be nothing of another's, `a.0` next to `a`.
  const { ask, monitors } = compile(sequence.require, {
    guardrail: id,
    owner: `${id}\\`,
    denies: "fewer",
    tracks: "fewer",
  })
  return {
    guardrail: sequence,
    countsObserved: true,
    denialObserver: null,
    appliesTo: (tool) => coversTool(selector, tool),
    tracks: (tool) => monitors.some((monitor) => monitor.tracks(tool)),
    evaluate: (facts, memory, now) => {
      if (!coversCall(selector, facts, true)) return NOTHING
      const answer = ask(facts, memory, now)
      const use = { guardrail: id, kind, holds: answer === true }
      if (typeof answer === "object") return judged(answer, { use })
      return judged(answer ? null : { reason: "sequence_broken", guardrail: id, consequence }, { use })
    },
    track: (facts, memory, now) => trackAll(monitors, facts, memory, now),
    trackDenied: (facts, memory, now) =>
      monitors.flatMap((monitor) => (monitor.tracks(facts.tool) ? monitor.trackDenied(facts, memory, now) : [])),
    trackAny: (tools, facts, memory) =>
      monitors.flatMap((each) => (tools.some((tool) => each.tracks(tool)) ? each.trackAny(tools, facts, memory) : [])),
  }
}

interface CompiledCondition {
  readonly ask: Ask
  /** Its own and those of all conditions within. */
  readonly monitors: readonly Monitor[]
}

/** The way of each condition to a yes or no; those that look back are one monitor each. */
function compile(condition: Condition, setting: Setting): CompiledCondition {
  switch (condition.kind) {
    case "all":
    case "any": {
      const parts = condition.of.map((part, index) => compile(part, { ...setting, owner: `${setting.owner}.${index}` }))
      const asks = parts.map(({ ask }) => ask)
      const ask: Ask = (facts, memory, now) => decided(asks, condition.kind === "any", facts, memory, now)
      return { ask, monitors: parts.flatMap(({ monitors }) => monitors) }
    }
    case "not": {
      const { ask, monitors } = compile(condition.of, { ...turned(setting), owner: `${setting.owner}!` })
      return { ask: (...asked) => negated(ask(...asked)), monitors }
    }
    default: {
      return MONITORS(condition, { ...setting, owner: `${setting.owner}=${keptBy(condition)}` }, compile)
    }
  }
}

/** Two conditions keep the same in mind that differ in how far they look, or in how much there has to be. */
function keptBy(condition: Condition): string {
  const { seconds: _seconds, is: _is, ...kept } = { seconds: 0, is: null, ...condition }
  return sha256Hex(JSON.stringify(kept)).slice(0, 8)
}

/** What cannot be known decides nothing, unless the rest decides it. */
function decided(asks: readonly Ask[], by: boolean, facts: CallFacts, memory: Memory, now: number): ConditionResult {
  let unknown: Denial | null = null
  for (const ask of asks) {
    const answer = ask(facts, memory, now)
    if (answer === by) return by
    if (typeof answer === "object") unknown ??= answer
  }
  return unknown ?? !by
}

function negated(answer: ConditionResult): ConditionResult {
  return typeof answer === "object" ? answer : !answer
}

function trackAll(monitors: readonly Monitor[], facts: CallFacts, memory: Memory, now: number): TrackResult {
  const memoryUpdates: MemoryUpdate[] = []
  for (const monitor of monitors) {
    if (!monitor.tracks(facts.tool)) continue
    const result = monitor.track(facts, memory, now)
    if (result.denial) return result
    memoryUpdates.push(...result.memoryUpdates)
  }
  return { denial: null, memoryUpdates }
}
