/** `schema`: a JSON Schema that the argument fulfils as a whole, a list too. */
import * as z from "zod"
import { isObject } from "../../encoding/json.ts"
import { memberVariants } from "../arguments.ts"
import { outside, remembered, unclear, type BoundKind, type Miss } from "./kind.ts"
import { SchemaFault, type Run } from "./schema/check.ts"
import { compileSchema } from "./schema/compile.ts"
import type { Steps } from "./schema/regular-expression.ts"

/** The types of RPC know no `unknown`. */
type JsonSchema = object

const compiled = remembered((schema: JsonSchema) => compileSchema(schema))

function faultOf(schema: JsonSchema): string | null {
  try {
    compiled(schema)
    return null
  } catch (error) {
    if (error instanceof SchemaFault) return error.message
    throw error
  }
}

function judge(schema: JsonSchema, value: unknown, isClosed: boolean, steps: Steps): Miss | null {
  const run: Run = { steps, named: [] }
  const { check, names } = compiled(schema)
  if (hasVariant(value, memberVariants(names))) return unclear("it has a member that some readers take for another")
  const failure = check(value, run)
  if (steps.left < 0) return unclear("it takes too long to compare it with the schema")
  if (failure !== null) return outside(`it does not fulfil ${failure === "" ? "the schema" : failure}`)
  return isClosed && hasUnnamed(value, namedIn(run)) ? outside("it has a member that no bound names") : null
}

/** The schema judges the member that the upstream reads, so none may be spelled otherwise. */
function hasVariant(value: unknown, variantOf: (object: object) => string | null): boolean {
  if (Array.isArray(value)) return value.some((item) => hasVariant(item, variantOf))
  if (!isObject(value)) return false
  return variantOf(value) !== null || Object.values(value).some((member) => hasVariant(member, variantOf))
}

function namedIn({ named }: Run): ReadonlyMap<object, ReadonlySet<string>> {
  const all = new Map<object, Set<string>>()
  for (const { object, member } of named) {
    const members = all.get(object)
    if (members) members.add(member)
    else all.set(object, new Set([member]))
  }
  return all
}

/** Whether an object in it, at any depth, has a member that no part of the schema that holds has named. */
function hasUnnamed(value: unknown, named: ReadonlyMap<object, ReadonlySet<string>>): boolean {
  if (Array.isArray(value)) return value.some((item) => hasUnnamed(item, named))
  if (!isObject(value)) return false
  const own = named.get(value)
  return Object.entries(value).some(([name, member]) => !own?.has(name) || hasUnnamed(member, named))
}

export const schema: BoundKind<JsonSchema> = {
  definition: z
    .record(z.string(), z.unknown())
    .readonly()
    .superRefine((written, context) => {
      const fault = faultOf(written)
      if (fault === null) return
      const fix = "Write a JSON Schema of the draft 2020-12, with the keywords that docs/guides/policies.md lists."
      context.addIssue({ code: "custom", message: `not a schema that can be used: ${fault}`, params: { fix } })
    })
    .describe(
      "The argument fulfils this JSON Schema (2020-12) as a whole: without `format`, references to other documents, and patterns that need backtracking.",
    ),
  judgesWhole: true,
  isOfObjects: () => true,
  judge,
  words: () => "fulfils a schema",
  isLong: true,
  contradiction: () => null,
  implies: (one, other) => JSON.stringify(one) === JSON.stringify(other),
}
