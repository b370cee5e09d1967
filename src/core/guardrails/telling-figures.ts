/**
 * Guardrails whose figures would tell an argument that the catalog redacts: what a budget has used before and after a call
 * differs by the amount, and a count of one value says how often that value came. Worked out when a bundle is made, over
 * all tools that a guardrail covers, because one that does not redact the argument shares the count with one that does.
 */
import { isRedacted } from "../catalog/redaction.ts"
import { hideFigures } from "../denials/denial.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Field, Guardrail, Selector } from "./definition.ts"
import { isArgument, nameOf } from "./field.ts"
import type { Evaluation } from "./kind.ts"
import { coversTool } from "./selector.ts"

/** Whether a field of calls holds what one of the tools redacts. A whole call holds all of its arguments. */
function isRedactedField(field: Field, selector: Selector, tools: readonly Tool[]): boolean {
  const holds = ({ redact }: Tool): boolean =>
    isArgument(field) ? isRedacted(nameOf(field), redact) : field === "call" && redact.length > 0
  return tools.some((tool) => coversTool(selector, tool) && holds(tool))
}

/**
 * Fields of calls that hold what one of the tools redacts, and that the guardrail reads.
 * @param tools all of the catalog
 */
export function redactedFieldsOf(guardrail: Guardrail, tools: readonly Tool[]): readonly Field[] {
  return fieldsOf(guardrail).filter((field) => isRedactedField(field, guardrail.of, tools))
}

/** @param tools all of the catalog */
export function isTelltale(guardrail: Guardrail, tools: readonly Tool[]): boolean {
  return redactedFieldsOf(guardrail, tools).length > 0
}

/** Ids of those guardrails. */
export function telltalesOf(definitions: readonly Guardrail[], tools: readonly Tool[]): readonly string[] {
  return definitions.filter((each) => isTelltale(each, tools)).map(({ id }) => id)
}

function fieldsOf(guardrail: Guardrail): readonly Field[] {
  const bounded = Object.keys(guardrail.of.arguments ?? {}).map((name): Field => `arguments.${name}`)
  if (guardrail.kind === "concurrency") return [...bounded, ...guardrail.per]
  if (guardrail.kind !== "limit") return bounded
  const { measure, per } = guardrail
  return [...bounded, ...per, ...("field" in measure ? [measure.field] : [])]
}

/**
 * What of a judgement may leave the ledger: in an answer, its headers, a record or a notice. Nothing at all of one that
 * holds for some values of an argument only: that it is about the call would tell that its argument is one of these.
 */
export function withoutFigures(judgement: Evaluation, { arguments: bounds }: Selector): Evaluation {
  const { use, denial } = judgement
  return {
    ...judgement,
    rate: null,
    use:
      bounds || !use
        ? null
        : {
            guardrail: use.guardrail,
            kind: use.kind,
            holds: use.holds,
            ...(use.limit !== undefined && { limit: use.limit }),
          },
    denial: denial && hideFigures(denial),
  }
}
