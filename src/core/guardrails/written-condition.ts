/** Returns a condition for people: its amounts as guardrails.yaml writes them. A bundle has units (amount.ts). */
import { shownUnits } from "./amount.ts"
import type { Condition, Pattern, Threshold } from "./condition.ts"

export function writtenCondition(condition: Condition): Condition {
  switch (condition.kind) {
    case "all":
    case "any":
      return { ...condition, of: condition.of.map(writtenCondition) }
    case "not":
      return { ...condition, of: writtenCondition(condition.of) }
    case "since":
      return { ...condition, event: writtenPattern(condition.event), undoneBy: writtenPattern(condition.undoneBy) }
    case "sum":
      return { ...condition, event: writtenPattern(condition.event), is: writtenThreshold(condition.is) }
    case "formerly":
    case "previous":
    case "count":
    case "distinct":
      return { ...condition, event: writtenPattern(condition.event) }
    default:
      return condition satisfies never
  }
}

function writtenPattern(pattern: Pattern): Pattern {
  return pattern.when ? { ...pattern, when: writtenCondition(pattern.when) } : pattern
}

function writtenThreshold(is: Threshold): Threshold {
  return "atLeast" in is ? { atLeast: shownUnits(is.atLeast) } : { atMost: shownUnits(is.atMost) }
}
