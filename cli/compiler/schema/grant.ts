/** The shape of every grant: ceiling, purpose (src/core/policy/definition/grant.ts). */
import { z } from "zod"
import { SENSITIVITIES } from "../../../src/core/catalog/tool.ts"
import { argumentName, name, scope } from "./values.ts"

const literal = z.union([z.string(), z.number(), z.boolean()], { error: "expected a string, a number or a boolean" })
/** Beyond this, a number in YAML is no longer the number that was written. */
const number = z.number().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER)

export const argumentBound = z
  .strictObject({
    eq: literal.exactOptional(),
    in: z.array(literal).exactOptional(),
    min: number.exactOptional(),
    max: number.exactOptional(),
    like: z.string().exactOptional().describe("It is a string that matches; `*` is any run of characters."),
    max_length: z
      .int()
      .min(0)
      .exactOptional()
      .describe("It is a string of so many characters, or a list of so many members, at most."),
  })
  .meta({ id: "bound" })

export const grant = z.strictObject({
  tools: z.array(scope).min(1).describe("The tools, each with the action class it must have."),
  max_sensitivity: z.enum(SENSITIVITIES).describe("Nothing above it."),
  arguments: z
    .record(argumentName, argumentBound)
    .default({})
    .describe("Bounds by argument name: each must hold, for every tool of the grant."),
  environments: z
    .array(name)
    .min(1)
    .exactOptional()
    .describe("Only behind gateways of these environments; absent: all."),
  calls: z.int().min(1).exactOptional().describe("Calls in all, the sub-agents' counted in; absent: unlimited."),
})
