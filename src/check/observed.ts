/**
 * A call that an observing gateway lets through although it is denied. It happened, so an enforcing gateway must know of it:
 * otherwise an agent would read a secret through one and send it away through the other.
 */
import type { Change } from "../call.ts"
import { isLifecycle } from "../catalog/lifecycle.ts"
import type { Tool } from "../catalog/tool.ts"
import type { CallFacts } from "../guardrails/field.ts"
import type { Task, TreeState } from "../ledger/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import { checkCalls } from "./grant.ts"

/**
 * What can only ever deny more: labels, what conditions look back at that forbid by it, and counts that have room. It is no
 * step of a plan, uses no approval, fulfils no condition that requires a call, and keeps no task from being idle: for all
 * these a call has to be allowed.
 */
export function observedChange(
  { guardrails }: Bundle,
  state: TreeState,
  line: readonly Task[],
  tool: Tool,
  facts: CallFacts,
  now: number,
): Change {
  const { judges, hears } = guardrails.about(tool)
  // Not the calls that go in circles: one that was denied between two others would break the circle that they make.
  const counting = judges.filter(({ guardrail: { kind, fromRisk = 0 } }) => kind !== "cycle" && facts.risk >= fromRisk)
  const isCounted = !isLifecycle(tool) && tool.cost > 0 && checkCalls(line) === null
  return {
    at: now,
    counted: isCounted ? line.map(({ id }) => id) : [],
    busy: [],
    plans: [],
    approvals: [],
    notes: [
      ...counting.flatMap((each) => {
        const { denial, notes } = each.judge(facts, state.memory.of(each.guardrail), now)
        return denial ? [] : notes
      }),
      ...hears.flatMap((each) => each.hearDenied?.(facts, state.memory.of(each.guardrail), now) ?? []),
    ],
    labels: tool.labels.filter((label) => !state.labels.has(label)),
    remember: null,
  }
}
