/** A call that was refused before it came to its ledger: what is kept in mind of that, and what follows from it. */
import type { Tool } from "../catalog/tool.ts"
import type { Denial } from "../denials/denial.ts"
import type { CallFacts } from "../guardrails/field.ts"
import type { Need } from "../guardrails/kind.ts"
import type { MemoryUpdate } from "../guardrails/memory-update.ts"
import { ancestryOf, type TreeState } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { TaskChange, TaskEnd } from "../task/change.ts"
import type { RefusedCall } from "./call.ts"
import { checkAlive, checkToken } from "./check-credential.ts"
import { endBy, factsOf, observeDenial } from "./check-guardrails.ts"
import { observedChange } from "./observed-change.ts"
import { riskOf } from "./risk.ts"

export interface Noticed {
  /** Agents from the root's to the calling one. */
  readonly chain: readonly string[]
  /** Null: it did not happen. */
  readonly change: TaskChange | null
  /** Of counts that all trees share, where it happened. */
  readonly wants: readonly Need[]
  readonly memoryUpdates: readonly MemoryUpdate[]
  /** It was one too many. */
  readonly storm: Denial | null
  readonly end: TaskEnd | null
}

/** @returns null: the token opens nothing here, and tells nothing */
export function noticeRefused(
  bundle: Bundle,
  state: TreeState,
  call: RefusedCall,
  denial: Denial,
  now: number,
): Noticed | null {
  const ancestry = ancestryOf(state, call.task)
  const [task] = ancestry
  if (!task || checkAlive(state, ancestry, now) || checkToken(state, call, now)) return null
  const [tool = null, ...others] = call.tools.flatMap((name) => bundle.catalog.tools.get(name) ?? [])
  const chain = ancestry.map(({ agent }) => agent).toReversed()
  const risk = riskOf(state, ancestry, call.risks, now)
  if (call.mode === "observe") {
    const facts = (each: Tool): CallFacts => factsOf(state, task, each, call, risk)
    const happened = tool ? observedChange(bundle, state, ancestry, [tool, ...others], facts, now) : NOTHING_HAPPENED
    return { ...happened, chain, memoryUpdates: [], storm: null, end: null }
  }
  const told = observeDenial(bundle, state.memory, factsOf(state, task, tool, call, risk), denial, now)
  return { ...told, ...NOTHING_HAPPENED, end: endBy(told.storm, task), chain }
}

const NOTHING_HAPPENED = { change: null, wants: [] } as const
