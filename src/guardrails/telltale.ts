/**
 * Guardrails whose figures would tell an argument that the catalog redacts: what a budget has used before and after a call
 * differs by the amount, and a count of one value says how often that value came. Worked out when a bundle is made, over
 * all tools that a guardrail covers, because one that does not redact the argument shares the count with one that does.
 */
import { isRedacted } from "../catalog/redaction.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Field, Guardrail, Selector } from "./definition.ts"
import { isArgument, nameOf } from "./field.ts"
import type { Judgement } from "./instrument.ts"
import { coversTool } from "./selector.ts"

/** Whether a field of calls holds what one of the tools redacts. */
export function isRedactedField(field: Field, selector: Selector, tools: readonly Tool[]): boolean {
  return isArgument(field) && tools.some((tool) => coversTool(selector, tool) && isRedacted(nameOf(field), tool.redact))
}

/** Ids of those guardrails. @param tools all of the catalog */
export function telltalesOf(definitions: readonly Guardrail[], tools: readonly Tool[]): readonly string[] {
  return definitions
    .filter((each) => fieldsOf(each).some((field) => isRedactedField(field, each.of, tools)))
    .map(({ id }) => id)
}

function fieldsOf(guardrail: Guardrail): readonly Field[] {
  if (guardrail.kind === "concurrency") return guardrail.per
  if (guardrail.kind !== "limit") return []
  const { measure, per } = guardrail
  return "field" in measure ? [...per, measure.field] : per
}

/** What of a judgement may leave the ledger: in an answer, its headers, a record or a notice. */
export function withoutFigures(judgement: Judgement): Judgement {
  const { use, denial } = judgement
  return {
    ...judgement,
    rate: null,
    use: use && {
      guardrail: use.guardrail,
      kind: use.kind,
      holds: use.holds,
      ...(use.limit !== undefined && { limit: use.limit }),
    },
    denial: denial?.reason === "budget_spent" ? { ...denial, used: null, asked: null } : denial,
  }
}
