/**
 * The tools that a message to an MCP server uses besides its own: of the answers to the server in `inputResponses`, each of
 * which would be a call of a lifecycle tool if it were posted by itself; and the prompt or resource whose arguments a
 * completion is about. Each has to be granted and permitted as in a call. Guardrails count the message, not these.
 */
import { NO_ARGUMENTS } from "../catalog/arguments.ts"
import { isLifecycle } from "../catalog/lifecycle.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Work } from "../encoding/work.ts"
import { isDenied, type Denial } from "../denials/denial.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { TreeState } from "../task/state.ts"
import type { Task } from "../task/task.ts"
import type { Call } from "./call.ts"
import { checkGrant } from "./check-grant.ts"
import { checkPolicy } from "./check-policy.ts"

const NONE: readonly Tool[] = []

/** @returns the tools that it uses besides, or the denial */
export function checkBesides(
  bundle: Bundle,
  state: TreeState,
  ancestry: readonly [Task, ...Task[]],
  call: Call,
  risk: number,
  now: number,
  work: Work,
): readonly Tool[] | Denial {
  if (!call.besides) return NONE
  const tools: Tool[] = []
  for (const name of call.besides) {
    const tool = bundle.catalog.tools.get(name)
    if (!tool) return { reason: "tool_unknown", called: name }
    const used = { ...call, tool: name, arguments: NO_ARGUMENTS }
    const denial = isLifecycle(tool)
      ? ({ reason: "answer_not_permitted", answer: name } as const)
      : ({ reason: "completion_not_permitted", entry: name } as const)
    const { tools: catalog } = bundle.catalog
    if (checkGrant(catalog, ancestry, state.tokens.get(call.token), tool, used, now, work)) return denial
    const policy = checkPolicy(bundle, state, ancestry, tool, used, risk, now, work)
    // An approval would be of the call as a whole, and approvers do not see what it uses besides.
    if (isDenied(policy) || policy.demands.length > 0) return denial
    tools.push(tool)
  }
  return tools
}
