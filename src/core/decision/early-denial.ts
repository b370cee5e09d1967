/** A call that was denied before it reached its ledger: what guardrails remember of it, and its consequences. */
import type { Tool } from "../catalog/tool.ts"
import type { Denial } from "../denials/denial.ts"
import { Work } from "../encoding/work.ts"
import type { CallFacts } from "../guardrails/field.ts"
import type { Need } from "../guardrails/kind.ts"
import { ancestryOf, type TreeState } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { TaskChange, TaskEnd } from "../task/change.ts"
import type { ScopedUpdates } from "../task/memories.ts"
import type { DeniedCall } from "./call.ts"
import { checkTaskAlive, checkToken } from "./check-credential.ts"
import { endBy, factsOf, observeDenial } from "./check-guardrails.ts"
import { observedChange } from "./observed-change.ts"
import { riskOf } from "./risk.ts"
import { TaskMemories } from "./task-memories.ts"
import { withinWork } from "./within-work.ts"

export interface EarlyDenial {
  /** Agents from the root's to the calling one. */
  readonly chain: readonly string[]
  /** Null if the call did not happen. */
  readonly change: TaskChange | null
  /** Counts that all ledgers share, if the call happened. */
  readonly wants: readonly Need[]
  readonly memoryUpdates: readonly ScopedUpdates[]
  /** Set if it was one denial too many. */
  readonly storm: Denial | null
  readonly end: TaskEnd | null
}

/** @returns null if the token is not valid here; nothing is disclosed then */
export function observeEarlyDenial(
  bundle: Bundle,
  state: TreeState,
  call: DeniedCall,
  denial: Denial,
  now: number,
  work: Work = new Work(),
): EarlyDenial | null {
  return withinWork(call, work, (seen, meter, isTooMuch) =>
    observeSeen(bundle, state, seen, denial, now, meter, isTooMuch),
  )
}

function observeSeen(
  bundle: Bundle,
  state: TreeState,
  call: DeniedCall,
  denial: Denial,
  now: number,
  work: Work,
  isTooMuch: boolean,
): EarlyDenial | null {
  const ancestry = ancestryOf(state, call.task)
  const [task] = ancestry
  if (!task || checkTaskAlive(state, ancestry, now) || checkToken(state, call, now)) return null
  const [tool = null, ...others] = call.tools.flatMap((name) => bundle.catalog.tools.get(name) ?? [])
  const chain = ancestry.map(({ agent }) => agent).toReversed()
  const risk = riskOf(state, ancestry, call.risks, now)
  if (call.mode === "observe") {
    const facts = (each: Tool): CallFacts => factsOf(state, task, each, call, risk, work)
    const happened = tool
      ? observedChange(bundle, state, ancestry, [tool, ...others], facts, now, { isTooMuch })
      : NOTHING_HAPPENED
    return { ...happened, chain, memoryUpdates: [], storm: null, end: null }
  }
  const observed = observeDenial(
    bundle,
    new TaskMemories(state, ancestry),
    factsOf(state, task, tool, call, risk, work),
    denial,
    now,
  )
  return { ...observed, ...NOTHING_HAPPENED, end: endBy(observed.storm, task), chain }
}

const NOTHING_HAPPENED = { change: null, wants: [] } as const
