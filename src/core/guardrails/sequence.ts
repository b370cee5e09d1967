/**
 * Temporal rules: a call is allowed only if a condition on earlier calls holds. Each condition stores
 * only what it needs (monitor.ts), so that the cost of a decision does not depend on the history.
 */
import type { Denial } from "../denials/denial.ts"
import { argumentsInCondition } from "./condition-arguments.ts"
import type { Condition } from "./condition.ts"
import type { GuardrailDefinition } from "./definition.ts"
import { sha256Hex } from "../encoding/hash.ts"
import type { Monitor, ConditionResult, Ask, Setting } from "./compiled-condition.ts"
import type { CallFacts } from "./field.ts"
import { evaluationOf, NOTHING, type CompiledGuardrail, type TrackResult, type GuardrailKind } from "./kind.ts"
import type { Memory } from "./memory.ts"
import { reversed } from "./event-matcher.ts"
import { compileMonitor } from "./monitor.ts"
import type { MemoryUpdate } from "./memory-update.ts"
import { coversCall, coversTool } from "./selector.ts"
import { writtenCondition } from "./written-condition.ts"

export interface Sequence extends GuardrailDefinition {
  readonly kind: "sequence"
  /** The condition is about the earlier calls of each agent of the chain, in all of its trees for the user. */
  readonly history?: "agent"
  readonly require: Condition
}

export const sequence: GuardrailKind<Sequence> = {
  doc: "A call is allowed only if a condition on earlier calls holds: those of its task tree, or those of its agents.",
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
  // No id contains a backslash, so the memory of a part of one guardrail (`a.0`) cannot be that of another (`a`).
  const { ask, monitors } = compile(sequence.require, {
    guardrail: id,
    isOfTree: sequence.history === undefined,
    owner: `${id}\\`,
    denies: "fewer",
    tracks: "fewer",
  })
  return {
    guardrail: sequence,
    history: sequence.history ? "chain" : "tree",
    countsObserved: true,
    denialObserver: null,
    appliesTo: (tool) => coversTool(selector, tool),
    tracks: (tool) => monitors.some((monitor) => monitor.tracks(tool)),
    evaluate: (facts, memory, now) => {
      if (!coversCall(selector, facts, true)) return NOTHING
      const answer = ask(facts, memory, now)
      const use = { guardrail: id, holds: answer === true, kind }
      if (typeof answer === "object") return evaluationOf(answer, { use })
      return evaluationOf(answer ? null : { reason: "sequence_broken", guardrail: id, consequence }, { use })
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
  /** The monitors of the condition and of all conditions within it. */
  readonly monitors: readonly Monitor[]
}

/** Compiles a condition to a function of the call; each condition on past calls has one monitor. */
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
      const { ask, monitors } = compile(condition.of, { ...reversed(setting), owner: `${setting.owner}!` })
      return { ask: (...args) => negated(ask(...args)), monitors }
    }
    default: {
      return compileMonitor(condition, { ...setting, owner: `${setting.owner}=${memoryKeyOf(condition)}` }, compile)
    }
  }
}

/** Conditions that differ only in their span or their threshold share a memory. */
function memoryKeyOf(condition: Condition): string {
  const { seconds: _seconds, is: _is, ...remembered } = { seconds: 0, is: null, ...condition }
  return sha256Hex(JSON.stringify(remembered)).slice(0, 8)
}

/** An unknown result decides nothing, unless the others decide. */
function decided(parts: readonly Ask[], by: boolean, facts: CallFacts, memory: Memory, now: number): ConditionResult {
  let unknown: Denial | null = null
  for (const ask of parts) {
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
