/** The shape of every grant: ceiling, purpose (src/policy/bundle.ts, GrantDefinition). */
import { z } from "zod"
import { SENSITIVITIES } from "../../../src/catalog/tool.ts"
import { argumentName, name, scope } from "./values.ts"

const literal = z.union([z.string(), z.number(), z.boolean()], { error: "expected a string, a number or a boolean" })
/** Beyond this, a number in YAML is no longer the number that was written. */
const number = z.number().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER)

export const argumentBound = z.strictObject({
  eq: literal.exactOptional(),
  in: z.array(literal).exactOptional(),
  min: number.exactOptional(),
  max: number.exactOptional(),
  like: z.string().exactOptional(),
  max_length: z.int().min(0).exactOptional(),
})

export const grant = z.strictObject({
  tools: z.array(scope).min(1),
  max_sensitivity: z.enum(SENSITIVITIES),
  arguments: z.record(argumentName, argumentBound).default({}),
  environments: z.array(name).min(1).exactOptional(),
  calls: z.int().min(1).exactOptional(),
})
