/**
 * Guardrails whose figures would disclose an argument that the catalog redacts. What a budget has used before and after
 * a call differs by the amount, and a count of one value tells how often that value came. The build of a bundle
 * examines all tools that a guardrail covers, because a tool that does not redact the argument may share the count with
 * one that does.
 */
import { isRedacted } from "../catalog/redaction.ts"
import { hideFigures } from "../denials/denial.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Field, Selector } from "./definition.ts"
import { isArgument, nameOf } from "./field.ts"
import type { Evaluation } from "./kind.ts"
import { kindOf, type Guardrail } from "./kinds.ts"
import { coversTool } from "./selector.ts"

/**
 * Returns whether a field of calls contains what one of the tools redacts. A whole call contains all of its arguments.
 */
function isRedactedField(field: Field, selector: Selector, tools: readonly Tool[]): boolean {
  const holds = ({ redact }: Tool): boolean =>
    isArgument(field) ? isRedacted(nameOf(field), redact) : field === "call" && redact.length > 0
  return tools.some((tool) => coversTool(selector, tool) && holds(tool))
}

/**
 * Returns the fields that the guardrail reads and that contain what one of the tools redacts.
 * @param tools all tools of the catalog
 */
export function redactedFieldsOf(guardrail: Guardrail, tools: readonly Tool[]): readonly Field[] {
  return countedFieldsOf(guardrail).filter((field) => isRedactedField(field, guardrail.of, tools))
}

/** @param tools all tools of the catalog */
export function disclosesRedacted(guardrail: Guardrail, tools: readonly Tool[]): boolean {
  return redactedFieldsOf(guardrail, tools).length > 0
}

/** Returns the ids of the guardrails whose figures must be hidden. */
export function disclosingGuardrails(definitions: readonly Guardrail[], tools: readonly Tool[]): readonly string[] {
  return definitions.filter((each) => disclosesRedacted(each, tools)).map(({ id }) => id)
}

/** Returns the fields on whose values the figures depend: those that the selector bounds, and those of the count. */
export function countedFieldsOf(guardrail: Guardrail): readonly Field[] {
  const bounded = Object.keys(guardrail.of.arguments ?? {}).map((name): Field => `arguments.${name}`)
  const count = kindOf(guardrail).count(guardrail)
  return count ? [...bounded, ...count.per, ...(count.of === null ? [] : [count.of])] : bounded
}

/**
 * Returns what of an evaluation may leave the ledger in an answer, its headers, a record or a notice. If the guardrail
 * bounds an argument, that is nothing: the mere fact that it applies would disclose that the argument is within the
 * bounds.
 */
export function withoutFigures(evaluation: Evaluation, guardrail: Guardrail): Evaluation {
  const { use, denial } = evaluation
  return {
    ...evaluation,
    rate: null,
    use:
      guardrail.of.arguments || !use
        ? null
        : {
            guardrail: use.guardrail,
            holds: use.holds,
            kind: use.kind,
            ...(use.limit !== undefined && { limit: use.limit }),
          },
    denial: denial && hideFigures(denial),
  }
}
