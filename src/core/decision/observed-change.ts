/**
 * A call that an observing gateway allows although it is denied. It happened, so an enforcing gateway must know of it:
 * otherwise an agent would read a secret through one gateway and send it away through the other.
 */
import { isLifecycle } from "../catalog/lifecycle.ts"
import type { Tool } from "../catalog/tool.ts"
import type { CallFacts } from "../guardrails/field.ts"
import type { CompiledGuardrail, Need } from "../guardrails/kind.ts"
import type { Memory } from "../guardrails/memory.ts"
import type { TreeState } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { TaskChange } from "../task/change.ts"
import type { Task } from "../task/task.ts"
import { checkCalls } from "./check-grant.ts"

/**
 * Records only what can deny further calls: labels, what conditions deny by, and counts that have room. The call is no
 * step of a plan, uses no approval, fulfils no condition that requires a call, and does not keep a task from being
 * idle: for all these a call has to be allowed.
 * @param tools of which the call may have been any; if several, only the call itself is counted
 * @returns the change, and the counts shared by all trees in which the call is to be counted
 */
export function observedChange(
  { guardrails }: Bundle,
  state: TreeState,
  ancestry: readonly Task[],
  tools: readonly [Tool, ...Tool[]],
  factsOf: (tool: Tool) => CallFacts,
  now: number,
): { readonly change: TaskChange; readonly wants: readonly Need[] } {
  const [only, ...others] = tools
  const facts = factsOf(only)
  const memoryOf = ({ guardrail }: CompiledGuardrail): Memory => state.memory.of(guardrail)
  const isCounted = tools.some((tool) => !isLifecycle(tool) && tool.cost > 0) && checkCalls(ancestry) === null
  const { judges, tracks } = guardrails.about(only)
  const counting = judges.filter(
    ({ countsObserved, guardrail: { fromRisk = 0 } }) => countsObserved && facts.risk >= fromRisk,
  )
  const tracking = new Set(tools.flatMap((tool) => guardrails.about(tool).tracks))
  const counted = others.length > 0 ? [] : counting.map((each) => each.evaluate(facts, memoryOf(each), now))
  // A limit without room is not exceeded for this call: nobody has approved it.
  const wants = counted.flatMap(({ need }) => (need && !need.over ? [need] : []))
  const change: TaskChange = {
    at: now,
    counted: isCounted ? ancestry.map(({ id }) => id) : [],
    busy: [],
    plans: [],
    approvals: [],
    memoryUpdates:
      others.length > 0
        ? [...tracking].flatMap((each) => each.trackAny(tools, facts, memoryOf(each)))
        : [
            ...counted.flatMap(({ denial, memoryUpdates }) => (denial ? [] : memoryUpdates)),
            ...tracks.flatMap((each) => each.trackDenied(facts, memoryOf(each), now)),
          ],
    labels: [...new Set(tools.flatMap(({ labels }) => labels))].filter((label) => !state.labels.has(label)),
    remember: null,
  }
  return { change, wants }
}
