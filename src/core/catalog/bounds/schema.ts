/** `schema`: a JSON Schema that the argument fulfils as a whole, a list too. */
import * as z from "zod"
import { isObject } from "../../encoding/json.ts"
import { memberVariants } from "../arguments.ts"
import type { Work } from "../../encoding/work.ts"
import { outside, remembered, unclear, type BoundKind, type CompiledBound } from "./kind.ts"
import { SchemaFault, type Run } from "./schema/check.ts"
import { compileSchema } from "./schema/compile.ts"

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

function compile(schema: JsonSchema): CompiledBound<unknown> {
  const { check, names } = compiled(schema)
  return {
    units: 50,
    judge: (value, { isClosed, work }) => {
      if (names.size > 0 && hasVariant(value, memberVariants(names, work), work)) return unclear(VARIANT)
      const run: Run = { work, named: [] }
      const failure = check(value, run)
      if (failure !== null) return outside(`it does not fulfil ${failure === "" ? "the schema" : failure}`)
      return isClosed && hasUnnamed(value, namedIn(run), work) ? outside("it has a member that no bound names") : null
    },
  }
}
/** Units of a member or an element, beside those of its name and its value (core/encoding/work.ts). */
const UNITS_OF_PART = 25
const VARIANT = "it has a member that some readers take for another"

/** The schema judges the member that the upstream reads, so none may be spelled otherwise. */
function hasVariant(value: unknown, variantOf: (object: object) => string | null, work: Work): boolean {
  work.take(UNITS_OF_PART)
  if (Array.isArray(value)) return value.some((item) => hasVariant(item, variantOf, work))
  if (!isObject(value)) return false
  return variantOf(value) !== null || Object.values(value).some((member) => hasVariant(member, variantOf, work))
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
function hasUnnamed(value: unknown, named: ReadonlyMap<object, ReadonlySet<string>>, work: Work): boolean {
  work.take(UNITS_OF_PART)
  if (Array.isArray(value)) return value.some((item) => hasUnnamed(item, named, work))
  if (!isObject(value)) return false
  const own = named.get(value)
  return Object.entries(value).some(([name, member]) => !own?.has(name) || hasUnnamed(member, named, work))
}

export const schema: BoundKind<JsonSchema, unknown> = {
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
  read: (value) => value,
  units: () => 0,
  compile,
  words: () => "fulfils a schema",
  isLong: true,
  contradiction: () => null,
  implies: (one, other) => JSON.stringify(one) === JSON.stringify(other),
}
