/** Cycles: an agent makes the same few calls in the same order again and again. */
import type { GuardrailDefinition } from "./definition.ts"
import { keyReader, readerOf, isUnread, unreadable } from "./field.ts"
import { evaluationOf, NOTHING, TRACKS_NOTHING, type CompiledGuardrail, type GuardrailKind } from "./kind.ts"
import { trailOf } from "./memory-update.ts"
import { coversCall, coversTool } from "./selector.ts"

/** A cycle is the same `length` calls, or fewer, `times` times, one right after the other. */
export interface Cycle extends GuardrailDefinition {
  readonly kind: "cycle"
  /** The number of calls in the longest cycle that is detected, at least 2. */
  readonly longest: number
  /** The call that would complete the cycle for the nth time is denied; at least 2. */
  readonly times: number
  /** `agent`: each agent of the chain, in all of its trees for the user. */
  readonly per: "task" | "tree" | "agent"
  /** Seconds without a call after which the calls before are forgotten. Absent: they count as long as the tree lives. */
  readonly pause?: number
}

export const cycle: GuardrailKind<Cycle> = {
  doc: "The same few calls in the same order are not repeated more often than so many times in a row.",
  gauges: {},
  compile,
  coversLifecycle: () => false,
  count: () => null,
  conditionArguments: () => [],
  gauge: () => null,
  written: (definition) => definition,
  recordedDenial: ({ id: guardrail, longest: length, times, consequence }) => ({
    reason: "calls_circle",
    guardrail,
    length,
    times,
    consequence,
  }),
}

/**
 * If the second round is one too many, the memory must keep every call, because any call may have begun the first
 * round.
 */
const LAZY_FROM = 3

function compile(cycle: Cycle): CompiledGuardrail<Cycle> {
  const { id, of: selector, longest, times, consequence } = cycle
  const callOf = readerOf("call")
  const keyOf = keyReader(cycle.per === "agent" ? [] : [cycle.per])
  const pauseMs = cycle.pause === undefined ? null : cycle.pause * 1000
  return {
    ...TRACKS_NOTHING,
    guardrail: cycle,
    history: cycle.per === "agent" ? "chain" : "tree",
    // A denied call between two others would break the cycle that these are part of.
    countsObserved: false,
    denialObserver: null,
    appliesTo: (tool) => coversTool(selector, tool),
    evaluate: (facts, memory, now) => {
      if (!coversCall(selector, facts, true)) return NOTHING
      const [key, call] = [keyOf(facts), callOf(facts)]
      if (isUnread(key)) return evaluationOf(unreadable(id, key))
      if (isUnread(call)) return evaluationOf(unreadable(id, call))
      const lazy = times >= LAZY_FROM
      const place = { owner: `${id}:cycle`, key, lazy, pauseMs }
      const trail = trailOf(memory, place, now)
      // The first round equals nothing before it. One call again and again is a repetition, not a cycle.
      const closed = trail
        .runsWith(call)
        .slice(0, longest - 1)
        .findIndex((run, index) => run >= (index + 2) * (times - 1) && !trail.repeats(call, index + 1))
      const use = { guardrail: id, holds: closed < 0, kind: cycle.kind }
      if (closed < 0) return evaluationOf(null, { use, memoryUpdates: [{ kind: "trail", ...place, call }] })
      const memoryUpdates = consequence === "approve" ? [{ kind: "trail", ...place, call } as const] : []
      return evaluationOf(
        { reason: "calls_circle", guardrail: id, length: closed + 2, times, consequence },
        { use, memoryUpdates },
      )
    },
  }
}
