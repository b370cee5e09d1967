/**
 * The answers to requests of an MCP server that a call has in `inputResponses`. Posted by itself, each would be a call of
 * a lifecycle tool, so here each has to be granted and permitted as one. Guardrails count the call, not its answers.
 */
import { NO_ARGUMENTS } from "../catalog/arguments.ts"
import type { Tool } from "../catalog/tool.ts"
import { isDenied, type Denial } from "../denials/denial.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { TreeState } from "../task/state.ts"
import type { Task } from "../task/task.ts"
import type { Call } from "./call.ts"
import { checkGrant } from "./check-grant.ts"
import { checkPolicy } from "./check-policy.ts"

const NONE: readonly Tool[] = []

/** @returns the tools that the answers are calls of, or the denial */
export function checkAnswers(
  bundle: Bundle,
  state: TreeState,
  ancestry: readonly [Task, ...Task[]],
  call: Call,
  risk: number,
  now: number,
): readonly Tool[] | Denial {
  if (!call.answers) return NONE
  const tools: Tool[] = []
  for (const name of call.answers) {
    const tool = bundle.catalog.tools.get(name)
    if (!tool) return { reason: "tool_unknown", called: name }
    const answer = { ...call, tool: name, arguments: NO_ARGUMENTS }
    if (checkGrant(bundle.catalog.tools, ancestry, tool, answer))
      return { reason: "answer_not_permitted", answer: name }
    const policy = checkPolicy(bundle, state, ancestry, tool, answer, risk, now)
    // An approval would be of the call as a whole, and approvers do not see its answers.
    if (isDenied(policy) || policy.demands.length > 0) return { reason: "answer_not_permitted", answer: name }
    tools.push(tool)
  }
  return tools
}
