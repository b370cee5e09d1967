/** Which arguments guardrails read of calls of a tool: a record has to tell them, and a call to have them. */
import type { Tool } from "../catalog/tool.ts"
import type { Condition, Field, Guardrail, Measure, Pattern, Selector } from "./definition.ts"
import { isArgument, nameOf } from "./field.ts"
import { coversTool } from "./selector.ts"

/** By name; that of the whole call are not among them, as its hash is enough to tell it. */
export function argumentsRead(guardrail: Guardrail, tool: Tool): readonly string[] {
  const judged = coversTool(guardrail.of, tool)
  const own = judged ? [...boundsOf(guardrail.of), ...fieldsOf(guardrail)] : []
  return guardrail.kind === "sequence" ? [...own, ...inCondition(guardrail.require, tool, judged)] : own
}

const boundsOf = ({ arguments: bounds = {} }: Selector): readonly string[] => Object.keys(bounds)
const named = (fields: readonly Field[]): readonly string[] => fields.filter(isArgument).map(nameOf)

function fieldsOf(guardrail: Guardrail): readonly string[] {
  switch (guardrail.kind) {
    case "limit":
      return named([...guardrail.per, ...measured(guardrail.measure)])
    case "concurrency":
      return named(guardrail.per)
    case "sequence":
    case "cycle":
    case "storm":
      return []
    default:
      return guardrail satisfies never
  }
}

function measured(measure: Measure): readonly Field[] {
  return "field" in measure ? [measure.field] : []
}

/** @param judged whether calls of the tool are what it is asked about */
function inCondition(condition: Condition, tool: Tool, judged: boolean): readonly string[] {
  switch (condition.kind) {
    case "all":
    case "any":
      return condition.of.flatMap((part) => inCondition(part, tool, judged))
    case "not":
      return inCondition(condition.of, tool, judged)
    case "since":
      return [...inPattern(condition.event, tool, judged), ...inPattern(condition.undoneBy, tool, judged)]
    case "formerly":
    case "previous":
    case "count":
      return inPattern(condition.event, tool, judged)
    case "distinct":
    case "sum":
      return [
        ...inPattern(condition.event, tool, judged),
        ...(coversTool(condition.event, tool) ? named([condition.field]) : []),
      ]
    default:
      return condition satisfies never
  }
}

function inPattern(pattern: Pattern, tool: Tool, judged: boolean): readonly string[] {
  const asked = judged ? named(pattern.where.map(({ present }) => present)) : []
  if (!coversTool(pattern, tool)) return asked
  const past = named(pattern.where.map((tie) => tie.past))
  return [...asked, ...past, ...boundsOf(pattern), ...(pattern.when ? inCondition(pattern.when, tool, true) : [])]
}
