/** The shape of every grant: ceiling, purpose (src/core/policy/definition/grant.ts). */
import { z } from "zod"
import { MEANING_FIELDS } from "../../../src/core/catalog/bounds/kinds.ts"
import { SENSITIVITIES } from "../../../src/core/catalog/tool.ts"
import { argumentName, name, scope } from "./values.ts"

const literal = z.union([z.string(), z.number(), z.boolean()], { error: "expected a string, a number or a boolean" })
/** Beyond this, a number in YAML is no longer the number that was written. */
const number = z.number().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER)

export const argumentBound = z
  .strictObject({
    eq: literal.exactOptional().describe("The argument has exactly this value."),
    in: z.array(literal).exactOptional().describe("The argument has one of these values."),
    min: number.exactOptional().describe("The argument is a number, at least this."),
    max: number.exactOptional().describe("The argument is a number, at most this."),
    like: z
      .string()
      .exactOptional()
      .describe("The argument is a string that matches this pattern. `*` stands for any characters."),
    max_length: z
      .int()
      .min(0)
      .exactOptional()
      .describe("The argument is a string of at most so many characters, or a list of at most so many members."),
    ...MEANING_FIELDS,
    optional: z
      .literal(true)
      .exactOptional()
      .describe("The bound holds, too, if the argument is absent, as a bound without a kind does in any case."),
  })
  .meta({ id: "bound" })

export const grant = z.strictObject({
  tools: z.array(scope).min(1).describe("The tools or patterns, each with the action class that a tool must have."),
  max_sensitivity: z.enum(SENSITIVITIES).describe("The highest sensitivity of a tool."),
  arguments: z
    .record(argumentName, argumentBound)
    .default({})
    .describe("Bounds on arguments, by name. All of them must hold, for every tool of the grant."),
  closed: z
    .literal(true)
    .exactOptional()
    .describe(
      "A call is denied if it has an argument that `arguments` does not name, or a member of an object that no `schema` or `quantity` names.",
    ),
  environments: z
    .array(name)
    .min(1)
    .exactOptional()
    .describe("Only calls through gateways of these environments are covered. If absent: all."),
  calls: z
    .int()
    .min(1)
    .exactOptional()
    .describe("The most calls in all, including those of sub-agents. If absent: unlimited."),
})
