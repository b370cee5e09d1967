/** What the entries of all sections of guardrails.yaml have in common. */
import { z } from "zod"
import { CONSEQUENCES } from "../../../src/core/denials/terms/consequence.ts"
import { HIGHEST_RISK } from "../../../src/core/guardrails/definition.ts"
import { approvalName } from "./approvers.ts"
import { per } from "./field.ts"
import { selectorFields, toSelector } from "./selector.ts"
import { name } from "./values.ts"

/** The highest number of calls that a window, or a loop, can be set to. */
export const MOST_CALLS = 100_000
/** Each distinct value is stored. */
export const MOST_VALUES = 10_000

export const common = {
  id: name.describe("The id of the guardrail in denials and decision records. It is unique among all sections."),
  ...selectorFields,
  from_risk: z
    .int()
    .min(1)
    .max(HIGHEST_RISK)
    .exactOptional()
    .describe("The guardrail applies only to calls whose risk is at least this. If absent, it always applies."),
  then: z
    .enum(CONSEQUENCES)
    .default("deny")
    .describe(
      "What follows from a violation besides the denial: nothing (`deny`), an approval is requested (`approve`), the task is quarantined, or the task and its descendants are revoked.",
    ),
  approval: approvalName
    .exactOptional()
    .describe("With `then: approve`: the name of an approval in approvers.yaml. If absent, any operator may approve."),
}

const entry = z.strictObject(common)

/** The members that every guardrail of a bundle has. */
export function commonOf({ id, from_risk: fromRisk, then: consequence, approval, ...selector }: z.infer<typeof entry>) {
  return {
    id,
    of: toSelector(selector),
    consequence,
    ...(fromRisk !== undefined && { fromRisk }),
    ...(approval !== undefined && { approval }),
  }
}

export const counts = z.enum(["calls", "cost"])
export const shared = per.describe(
  "The field, or list of fields, that calls have to agree on to share a count. Without `task`, `tree`, `user` or `user_or_agent`, all users and agents share it. `everything`: all calls share one count.",
)
/** The number of these keys that an entry has. */
export function among<Key extends string>(
  written: Readonly<Partial<Record<Key, unknown>>>,
  keys: readonly Key[],
): number {
  return keys.filter((key) => written[key] !== undefined).length
}
