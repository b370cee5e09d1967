/** JSON Schemas of the description: written here, or made from the contract's own. */
import * as z from "zod"
import { listedAgent } from "../../src/api/contract/agents.ts"
import { callApproval } from "../../src/api/contract/approvals.ts"
import { publication } from "../../src/api/contract/bundles.ts"
import { decision } from "../../src/api/contract/decisions.ts"
import { denial, pointer } from "../../src/api/contract/members.ts"
import { stop } from "../../src/api/contract/revocations.ts"
import { task } from "../../src/api/contract/tasks.ts"

export type Schema = Readonly<Record<string, unknown>>

/** What stands in the components, by its name. */
const NAMED: ReadonlyMap<string, () => z.ZodType> = new Map<string, () => z.ZodType>([
  ["DecisionRecord", decision],
  ["Denial", denial],
  ["Task", task],
  ["CallApproval", callApproval],
  ["Publication", publication],
  ["Revocation", stop],
  ["Agent", listedAgent],
  ["BundleVersion", pointer],
])

export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })

/** @param io whether it is what is sent to the Worker (`input`), or what the Worker sends */
export function schemaOf(schema: z.ZodType, io: "input" | "output"): Schema {
  return converted(schema, io, null)
}

export function namedSchemas(): Readonly<Record<string, Schema>> {
  return Object.fromEntries(Array.from(NAMED, ([name, schema]) => [name, converted(schema(), "output", name)]))
}

function converted(root: z.ZodType, io: "input" | "output", own: string | null): Schema {
  const names = new Map<unknown, string>(Array.from(NAMED, ([name, schema]) => [schema(), name]))
  const { $schema: _draft, ...made } = z.toJSONSchema(root, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const name = names.get(zodSchema)
      if (name !== undefined && name !== own) replace(jsonSchema, ref(name))
      // An object whose members are named by its author.
      else if (zodSchema._zod.def.type === "custom") Object.assign(jsonSchema, { type: "object" })
      // A reader takes what it knows and leaves the rest: an answer may have more members in a later version.
      else if (isEmpty(jsonSchema.additionalProperties)) delete jsonSchema.additionalProperties
    },
  })
  return withoutUnions(made)
}

/** What says of a schema of several types what it is, whichever type a value has. */
const OF_ALL_TYPES: ReadonlySet<string> = new Set(["title", "description", "default", "examples"])

/** A list of types becomes alternatives of one type each, because many generators of clients read only those. */
function withoutUnions(schema: object): Schema {
  const members = Object.entries(schema).map(([name, value]: [string, unknown]) => [name, within(value)] as const)
  const { type } = Object.fromEntries(members)
  if (!Array.isArray(type)) return Object.fromEntries(members)
  const general = members.filter(([name]) => OF_ALL_TYPES.has(name))
  const special = members.filter(([name]) => name !== "type" && !OF_ALL_TYPES.has(name))
  const anyOf = type.map((one: unknown) => Object.fromEntries([["type", one], ...(one === "null" ? [] : special)]))
  return { ...Object.fromEntries(general), anyOf }
}

function within(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(within)
  return typeof value === "object" && value !== null ? withoutUnions(value) : value
}

const isEmpty = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0

function replace(target: object, by: Schema): void {
  for (const key of Object.keys(target)) Reflect.deleteProperty(target, key)
  Object.assign(target, by)
}

export const text = (description?: string): Schema => ({
  type: "string",
  ...(description !== undefined && { description }),
})
export const integer = (description?: string): Schema => ({
  type: "integer",
  ...(description !== undefined && { description }),
})
export const boolean: Schema = { type: "boolean" }
export const list = (items: Schema): Schema => ({ type: "array", items })
export const oneOf = (values: readonly string[], description?: string): Schema => ({
  enum: values,
  ...(description !== undefined && { description }),
})
/** Any members. */
export const open = (description?: string): Schema => ({
  type: "object",
  additionalProperties: true,
  ...(description !== undefined && { description }),
})

/** Texts by name. */
export const texts = (description: string): Schema => ({
  type: "object",
  description,
  additionalProperties: { type: "string" },
})

/** A request whose reader ignores members that it does not know, as the standards demand. */
export const openObject = (members: Readonly<Record<string, Schema>>): Schema => ({
  ...object(members),
  additionalProperties: true,
})

/** A member whose name ends in `?` may be absent. */
export function object(members: Readonly<Record<string, Schema>>, description?: string): Schema {
  const entries = Object.entries(members)
  const required = entries.flatMap(([name]) => (name.endsWith("?") ? [] : [name]))
  return {
    type: "object",
    ...(description !== undefined && { description }),
    properties: Object.fromEntries(entries.map(([name, schema]) => [name.replace(/\?$/u, ""), schema])),
    ...(required.length > 0 && { required }),
  }
}
