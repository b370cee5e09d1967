/** The arguments that a condition reads of calls of a tool. */
import type { Tool } from "../catalog/tool.ts"
import type { Condition, Pattern } from "./condition.ts"
import { argumentNames } from "./field.ts"
import { coversTool } from "./selector.ts"

/**
 * Returns the names of the arguments.
 * @param applies whether the guardrail of the condition applies to calls of the tool
 */
export function argumentsInCondition(condition: Condition, tool: Tool, applies: boolean): readonly string[] {
  switch (condition.kind) {
    case "all":
    case "any":
      return condition.of.flatMap((part) => argumentsInCondition(part, tool, applies))
    case "not":
      return argumentsInCondition(condition.of, tool, applies)
    case "since":
      return [...inPattern(condition.event, tool, applies), ...inPattern(condition.undoneBy, tool, applies)]
    case "formerly":
    case "previous":
    case "count":
      return inPattern(condition.event, tool, applies)
    case "distinct":
    case "sum":
      return [
        ...inPattern(condition.event, tool, applies),
        ...(coversTool(condition.event, tool) ? argumentNames([condition.field]) : []),
      ]
    default:
      return condition satisfies never
  }
}

function inPattern(pattern: Pattern, tool: Tool, applies: boolean): readonly string[] {
  const present = applies ? argumentNames(pattern.where.map((tie) => tie.present)) : []
  if (!coversTool(pattern, tool)) return present
  const past = argumentNames(pattern.where.map((tie) => tie.past))
  return [
    ...present,
    ...past,
    ...Object.keys(pattern.arguments ?? {}),
    ...(pattern.when ? argumentsInCondition(pattern.when, tool, true) : []),
  ]
}
