/**
 * Storms: more denials than a working agent has any reason to cause. Denied calls consume nothing, but they are
 * counted. After too many, every call is denied until the first denials are older than the span; those denials do not
 * count.
 */
import type { Code } from "../denials/terms/code.ts"
import type { Denial } from "../denials/denial.ts"
import type { GuardrailDefinition, Selector } from "./definition.ts"
import type { DenialObserver, DeniedFacts } from "./denial-observer.ts"
import type { CallFacts } from "./field.ts"
import { evaluationOf, NOTHING, TRACKS_NOTHING, type CompiledGuardrail, type GuardrailKind } from "./kind.ts"
import type { History } from "./history.ts"
import type { Memory } from "./memory.ts"
import type { MemoryUpdate } from "./memory-update.ts"
import { coversCall, coversTool } from "./selector.ts"

/** More than `limit` denied calls of a task, of its tree, or of an agent, in so many seconds. */
export interface Storm extends GuardrailDefinition {
  readonly kind: "storm"
  readonly limit: number
  readonly seconds: number
  /**
   * `agent`: of the calling agent, in all of its trees for the user. Those above it are not to blame for what it tries.
   */
  readonly per: "task" | "tree" | "agent"
  /** The codes of the denials that count. Absent: all but those of `NOT_COUNTED`, and of storms themselves. */
  readonly codes?: readonly Code[]
}

export const storm: GuardrailKind<Storm> = {
  doc: "After too many denied calls in a span of time, all calls are denied until the denials are older than the span.",
  gauges: {},
  compile,
  coversLifecycle: () => false,
  count: () => null,
  conditionArguments: () => [],
  gauge: () => null,
  written: (definition) => definition,
  recordedDenial: denialBy,
}

/** The suffix of the owner under which a memory keeps a storm. */
export const STORM = ":storm"

function compile(storm: Storm): CompiledGuardrail<Storm> {
  const { id, of: selector } = storm
  return {
    ...TRACKS_NOTHING,
    guardrail: storm,
    history: historyOf(storm),
    countsObserved: true,
    denialObserver: observerOf(storm),
    appliesTo: (tool) => coversTool(selector, tool),
    evaluate: (facts, memory, now) => {
      if (!coversCall(selector, facts, true)) return NOTHING
      const { used, holds } = standingOf(storm, keyOf(storm, facts), memory, now)
      const use = { guardrail: id, holds, kind: storm.kind, limit: storm.limit, used }
      return evaluationOf(holds ? null : denialBy(storm), { use })
    },
  }
}

function historyOf({ per }: Storm): History {
  return per === "agent" ? "agent" : "tree"
}

function keyOf({ per }: Storm, { task }: Pick<CallFacts, "task">): string {
  return per === "task" ? task : ""
}

/** More than `limit` denials are a storm. */
function standingOf(
  { id, limit, seconds }: Storm,
  key: string,
  memory: Memory,
  now: number,
): { used: number; holds: boolean } {
  const used = memory.sliding.find(`${id}${STORM}`, key)?.upTo(seconds * 1000, now) ?? 0
  return { used, holds: used <= limit }
}

function denialBy({ id: guardrail, limit, seconds, consequence }: Storm): Denial {
  return { reason: "denial_storm", guardrail, limit, seconds, consequence }
}

/** A task does not cause an outage, and anyone may present an invalid token. */
const NOT_COUNTED: ReadonlySet<Code> = new Set<Code>([
  "unavailable",
  "invalid_token",
  // An agent that waits for an approval repeats its call.
  "approval_required",
  "missing_token",
  "step_up_required",
])

function observerOf(storm: Storm): DenialObserver {
  return {
    guardrail: storm,
    history: historyOf(storm),
    denied: (facts, code, memory, now) => {
      const counts = storm.codes ? storm.codes.includes(code) : !NOT_COUNTED.has(code)
      const key = keyOf(storm, facts)
      if (!counts || facts.risk < (storm.fromRisk ?? 0) || !covers(storm.of, facts)) return NOT_A_STORM
      const { used } = standingOf(storm, key, memory, now)
      // One denial beyond the limit is stored, not all that a hostile agent can cause.
      if (used > storm.limit) return NOT_A_STORM
      const span = { kind: "sliding", seconds: storm.seconds } as const
      const counted = { owner: `${storm.id}${STORM}`, key, amount: 1, limit: storm.limit + 1, span }
      const update: MemoryUpdate = { kind: "spend", ...counted, repeats: null }
      return { memoryUpdates: [update], storm: used + 1 > storm.limit ? denialBy(storm) : null }
    },
  }
}

/**
 * Returns whether the selector covers the call. If the catalog does not have the tool, only a selector of all tools
 * can.
 */
function covers(selector: Selector, { tool, ...facts }: DeniedFacts): boolean {
  const { tools, actions, labels, sensitivity } = selector
  const isSuch = tool ? coversTool(selector, tool) : tools.includes("*") && !actions && !labels && !sensitivity
  return isSuch && coversCall(selector, facts, true)
}

const NOT_A_STORM = { memoryUpdates: [], storm: null }
