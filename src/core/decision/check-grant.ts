/** What grants cover. */
import { argumentsNeeded, variantOf } from "../catalog/arguments.ts"
import type { Call } from "./call.ts"
import { formatScope, scopeCovers, type Scope } from "../catalog/pattern.ts"
import type { Lookup } from "../encoding/lookup.ts"
import { isRedacted, withoutValue } from "../catalog/redaction.ts"
import { sensitivityRank, type Tool } from "../catalog/tool.ts"
import type { Denial } from "../denials/denial.ts"
import { UNNAMED_MEMBER, violation, type Violation } from "../catalog/bounds/bounds.ts"
import type { ArgumentBounds } from "../catalog/bounds/definition.ts"
import { displayText } from "../encoding/display-text.ts"
import type { Work } from "../encoding/work.ts"
import { boundInWords, nameText } from "../task/grant-words.ts"
import { redactedOf } from "../task/redacted-arguments.ts"
import type { IssuedToken, Task } from "../task/task.ts"
import { opensTool } from "../task/token-scope.ts"

/** Characters: a model reads it, and a record has it. */
const MAX_STATED = 300

/**
 * Requires that the grant of the task and of each ancestor covers the call, so that no agent of the chain gains
 * authority. The denial shows the violated bound, except its value if the catalog redacts the argument for one of the
 * tools that these grants cover. If the token of the call states the bound, the caller may learn of it.
 * @param token that of the call: it may open less than its task
 * @param tools the catalog
 * @param now milliseconds since the epoch
 */
export function checkGrant(
  tools: Lookup<Tool>,
  ancestry: readonly Task[],
  token: IssuedToken | undefined,
  tool: Tool,
  call: Call,
  now: number,
  work: Work,
): Denial | null {
  const [own] = ancestry
  if (!own || !token || !opensTool(token, own, tools, work)(tool)) return notGranted(tool, call.task)
  for (const task of ancestry) {
    const bounds = boundsOf(task, tool, call.environment)
    if ("reason" in bounds) return bounds
    if (bounds.length === 0) continue
    const names = namesOf(bounds)
    if (!call.arguments.complete) return argumentsNeeded(names, call.arguments)
    work.take(names.length * UNITS_OF_NAME)
    const variant = variantOf(call.arguments, new Set(names))
    if (variant !== null) return { reason: "argument_variant", argument: variant }
    const broken = violation(bounds, call.arguments.values, { now, work })
    if (!broken) continue
    const { argument } = broken
    const isHidden = isRedacted(argument, redactedOf(ancestry, tools))
    const bound = isHidden ? withoutValue(broken.bound) : broken.bound
    const denial = { reason: "argument_out_of_bounds", scope: formatScope(scopeOf(tool)), argument, bound } as const
    const stated = task === ancestry[0] && !isHidden ? statedOf(task, tool, broken) : null
    return stated === null ? denial : { ...denial, stated }
  }
  return null
}

/** Units of the name of an argument (core/encoding/work.ts). */
const UNITS_OF_NAME = 10

/**
 * What the token of the call states of the argument, in words. Read from its `authorization_details` themselves: they may
 * hide what the grant, or a later catalog, would show. Null if they do not state it.
 */
function statedOf({ details }: Task, tool: Tool, { argument, bound }: Violation): string | null {
  const stated = details?.find(({ tools, actions }) =>
    tools.some((pattern) => actions.some((action) => scopeCovers({ pattern, action }, tool))),
  )
  const bounds = stated?.arguments ?? {}
  const own = Object.hasOwn(bounds, argument) ? bounds[argument] : undefined
  if (own && bound !== UNNAMED_MEMBER) return displayText(boundInWords(argument, own), MAX_STATED)
  if (!stated?.closed) return null
  const name = nameText(argument)
  return displayText(own ? `${name} has no member that no bound names` : `it has no argument ${name}`, MAX_STATED)
}

/** Returns the bounds within which a task's grant covers the tool, or why it does not, whatever the arguments. */
export function boundsOf(
  { id: task, grant }: Task,
  tool: Tool,
  environment: string,
): readonly ArgumentBounds[] | Denial {
  const granted = Object.hasOwn(grant.tools, tool.name) ? grant.tools[tool.name] : undefined
  if (granted?.action !== tool.action) return notGranted(tool, task)
  if (sensitivityRank(tool.sensitivity) > sensitivityRank(granted.maxSensitivity)) {
    return { reason: "sensitivity_exceeded", scope: formatScope(scopeOf(tool)), max: granted.maxSensitivity, task }
  }
  if (grant.environments && !grant.environments.includes(environment)) {
    return { reason: "environment_not_granted", scope: formatScope(scopeOf(tool)), task }
  }
  return granted.bounds
}

export function notGranted(tool: Tool, task: string): Denial {
  return { reason: "tool_not_granted", scope: formatScope(scopeOf(tool)), task }
}

function scopeOf({ name: pattern, action }: Tool): Scope {
  return { pattern, action }
}

export function namesOf(bounds: readonly ArgumentBounds[]): readonly string[] {
  return bounds.flatMap((each) => Object.keys(each))
}

export function checkCalls(ancestry: readonly Task[]): Denial | null {
  for (const { id: task, grant, calls } of ancestry) {
    if (grant.calls !== null && calls >= grant.calls) return { reason: "calls_exhausted", task, limit: grant.calls }
  }
  return null
}
