/**
 * A call that may return what another tool has produced, by an id that does not say which tool: a task of an MCP server,
 * a stream that is resumed. Whoever may not call a tool would fetch its results that way. So the call is allowed only if
 * each of the tools could be called now, with some arguments, by every agent of the chain and for its user, without a
 * further login or approval: nobody has given one for the fetch.
 */
import type { Tool } from "../catalog/tool.ts"
import type { Work } from "../encoding/work.ts"
import type { Denial } from "../denials/denial.ts"
import { mayStillCome, newProgress } from "../guardrails/plan.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { TreeState } from "../task/state.ts"
import type { Task } from "../task/task.ts"
import type { Call } from "./call.ts"
import { deniedByGrant, deniedByPolicy, queryContext } from "./visible-tools.ts"

export function checkResults(
  bundle: Bundle,
  state: TreeState,
  ancestry: readonly [Task, ...Task[]],
  { resultsOf = NONE }: Tool,
  call: Call,
  now: number,
  work: Work,
): Denial | null {
  if (resultsOf.length === 0) return null
  const [oneTooMany] = resultsOf.slice(MOST_TOOLS)
  if (oneTooMany !== undefined) return { reason: "result_not_permitted", of: oneTooMany }
  // The arguments were those of an earlier call.
  const whole = queryContext(bundle, state, ancestry, { ...call, obtainable: null, argumentsSeen: true }, now, work)
  const tools = resultsOf.map((name) => [name, bundle.catalog.tools.get(name)] as const)
  // All grants first: they cost less than the rules.
  const lacking =
    tools.find(([name, tool]) => !tool || deniedByGrant(whole, tool) || isOutsidePlan(ancestry, name)) ??
    tools.find(([, tool]) => tool && deniedByPolicy(whole, tool))
  return lacking ? { reason: "result_not_permitted", of: lacking[0] } : null
}

/** A step that is over still counts: a result is fetched after the call. */
const isOutsidePlan = (ancestry: readonly Task[], tool: string): boolean =>
  ancestry.some(({ plan }) => plan && !mayStillCome(plan, newProgress(plan), tool))

const NONE: readonly string[] = []
/** The rules are evaluated for each, for each principal of the chain. */
const MOST_TOOLS = 500
