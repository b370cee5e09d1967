/**
 * A call that an observing gateway allows although it is denied. It happened, so an enforcing gateway must know of it:
 * otherwise an agent would read a secret through one gateway and send it away through the other.
 */
import { isLifecycle } from "../catalog/lifecycle.ts"
import type { Tool } from "../catalog/tool.ts"
import type { CallFacts } from "../guardrails/field.ts"
import type { Need } from "../guardrails/kind.ts"
import { pickedUp } from "../task/labels.ts"
import type { TreeState } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { TaskChange } from "../task/change.ts"
import { joined } from "../task/memories.ts"
import type { Task } from "../task/task.ts"
import { checkCalls } from "./check-grant.ts"
import { TaskMemories } from "./task-memories.ts"

/**
 * Records only what can deny further calls: labels, what conditions deny by, and counts that have room. The call is no
 * step of a plan, uses no approval, fulfils no condition that requires a call, and does not keep a task from being
 * idle: for all these a call has to be allowed.
 * @param tools of which the call may have been any; if several, only the call itself is counted
 * @param besides lifecycle tools of which it was a call too, by its answers to the server
 * @param isTooMuch it takes more work than a call may to find which conditions its arguments fulfil: it may be any
 * @returns the change, and the counts shared by all ledgers in which the call is to be counted
 */
export function observedChange(
  bundle: Bundle,
  state: TreeState,
  ancestry: readonly Task[],
  tools: readonly [Tool, ...Tool[]],
  factsOf: (tool: Tool) => CallFacts,
  now: number,
  { besides = [], isTooMuch }: { readonly besides?: readonly Tool[]; readonly isTooMuch: boolean },
): { readonly change: TaskChange; readonly wants: readonly Need[] } {
  const { guardrails } = bundle
  const [only, ...others] = tools
  const [caller] = ancestry
  const facts = factsOf(only)
  const memories = new TaskMemories(state, ancestry)
  const isCounted = tools.some((tool) => !isLifecycle(tool) && tool.cost > 0) && checkCalls(ancestry) === null
  const { applying, tracking } = guardrails.about(only)
  const counting = applying.filter(
    ({ countsObserved, guardrail: { fromRisk = 0 } }) => countsObserved && facts.risk >= fromRisk,
  )
  const trackingAny = new Set(tools.flatMap((tool) => guardrails.about(tool).tracking))
  const counted = (others.length > 0 ? [] : counting).flatMap((each) =>
    memories.of(each.history).map(({ scope, memory }) => {
      const { denial, need, memoryUpdates: updates } = each.evaluate(facts, memory.of(each.guardrail), now)
      return { scope, denial, need, updates }
    }),
  )
  // A limit without room is not exceeded for this call: nobody has approved it.
  const wants = counted.flatMap(({ need }) => (need && !need.over ? [need] : []))
  const isAny = isTooMuch || others.length > 0
  const labels = [...new Set([...tools, ...besides].flatMap((tool) => tool.labels))]
  const change: TaskChange = {
    at: now,
    counted: isCounted ? ancestry.map(({ id }) => id) : [],
    busy: [],
    plans: [],
    approvals: [],
    memoryUpdates: joined([
      ...counted.flatMap(({ scope, denial, updates }) => (denial ? [] : [{ scope, updates }])),
      ...(isAny
        ? [...trackingAny].flatMap((each) => memories.updates(each, (memory) => each.trackAny(tools, facts, memory)))
        : tracking.flatMap((each) => memories.updates(each, (memory) => each.trackDenied(facts, memory, now)))),
    ]),
    labels: labels.filter((label) => !state.labels.has(label)),
    carried: caller ? pickedUp(bundle, state, caller, labels, facts.decision, now) : [],
    remember: null,
  }
  return { change, wants }
}
