/**
 * Storms: more denials than an agent at work has any reason to run into. What is denied consumes nothing, but it is
 * kept in mind; and once there were too many, every call is denied until the first of them have passed, by which
 * nothing is added.
 */
import type { Code } from "../denials/code.ts"
import type { Denial } from "../denials/denial.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Selector, Storm } from "./definition.ts"
import type { CallFacts } from "./field.ts"
import { judged, NOTHING, type GuardrailKind } from "./kind.ts"
import type { Memory } from "./memory.ts"
import type { MemoryUpdate } from "./memory-update.ts"
import { coversCall, coversTool } from "./selector.ts"

/** Ends the name by which a memory knows a storm. */
export const STORM = ":storm"

/** The tool may be none of the catalog's. */
export type DeniedFacts = Omit<CallFacts, "tool"> & { readonly tool: Tool | null }

/** Whose storms are told of denials. */
export interface DenialObserver {
  readonly storm: Storm
  /** @returns what a denial leaves, and whether with it the storm is there */
  denied(
    facts: DeniedFacts,
    code: Code,
    memory: Memory,
    now: number,
  ): { readonly memoryUpdates: readonly MemoryUpdate[]; readonly storm: Denial | null }
}

export function stormInstrument(storm: Storm): GuardrailKind {
  const { id, of: selector } = storm
  return {
    guardrail: storm,
    appliesTo: (tool) => coversTool(selector, tool),
    tracks: () => false,
    evaluate: (facts, memory, now) => {
      if (!coversCall(selector, facts, true)) return NOTHING
      const { used, holds } = standOf(storm, keyOf(storm, facts), memory, now)
      const use = { guardrail: id, kind: storm.kind, holds, used, limit: storm.limit }
      return judged(holds ? null : stormy(storm), { use })
    },
    track: () => NOTHING,
  }
}

function keyOf({ per }: Storm, { task }: Pick<CallFacts, "task">): string {
  return per === "task" ? task : ""
}

/** More than `limit` of them are a storm. */
function standOf(
  { id, limit, seconds }: Storm,
  key: string,
  memory: Memory,
  now: number,
): { used: number; holds: boolean } {
  const used = memory.sliding.find(`${id}${STORM}`, key)?.upTo(seconds * 1000, now) ?? 0
  return { used, holds: used <= limit }
}

function stormy({ id: guardrail, limit, seconds, consequence }: Storm): Denial {
  return { reason: "denial_storm", guardrail, limit, seconds, consequence }
}

/** Of an outage the task knows nothing, and a token that opens nothing may be anybody's. */
const NOT_COUNTED: ReadonlySet<Code> = new Set<Code>([
  "unavailable",
  "invalid_token",
  // Whoever waits for a person asks again and again.
  "approval_required",
  "missing_token",
  "step_up_required",
])

export function lookoutFor(storm: Storm): DenialObserver {
  return {
    storm,
    denied: (facts, code, memory, now) => {
      const counts = storm.codes ? storm.codes.includes(code) : !NOT_COUNTED.has(code)
      const key = keyOf(storm, facts)
      if (!counts || facts.risk < (storm.fromRisk ?? 0) || !covers(storm.of, facts)) return QUIET
      const { used } = standOf(storm, key, memory, now)
      // One more than there may be is kept in mind, not all that a hostile agent can bring about.
      if (used > storm.limit) return QUIET
      const span = { kind: "sliding", seconds: storm.seconds } as const
      const counted = { owner: `${storm.id}${STORM}`, key, amount: 1, limit: storm.limit + 1, span }
      const note: MemoryUpdate = { kind: "spend", ...counted, repeats: null }
      return { memoryUpdates: [note], storm: used + 1 > storm.limit ? stormy(storm) : null }
    },
  }
}

/** Of what is no tool of the catalog, the catalog knows nothing that could narrow it down. */
function covers(selector: Selector, { tool, ...facts }: DeniedFacts): boolean {
  const { tools, actions, labels, sensitivity } = selector
  const isSuch = tool ? coversTool(selector, tool) : tools.includes("*") && !actions && !labels && !sensitivity
  return isSuch && coversCall(selector, facts, true)
}

const QUIET = { memoryUpdates: [], storm: null }
