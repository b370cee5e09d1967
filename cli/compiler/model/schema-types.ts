/**
 * Types of schema.cedarschema. Names are resolved as Cedar does (Cedar documentation, "Schema"): one of the own
 * namespace first, then one without a namespace, then one that is built in.
 */
import { z } from "zod"
import { schemaToJson } from "../source/official-engine.ts"

interface SchemaType {
  readonly type: string
  readonly name?: string | undefined
  readonly element?: SchemaType | undefined
  readonly attributes?: Readonly<Record<string, SchemaType>> | undefined
}

const type: z.ZodType<SchemaType> = z.lazy(() =>
  z.object({
    type: z.string(),
    name: z.string().optional(),
    element: type.optional(),
    attributes: z.record(z.string(), type).optional(),
  }),
)
const schemaJson = z.record(
  z.string(),
  z.object({
    commonTypes: z.record(z.string(), type).default({}),
    entityTypes: z.record(z.string(), z.unknown()).default({}),
    actions: z
      .record(z.string(), z.object({ appliesTo: z.object({ context: type.optional() }).nullish() }))
      .default({}),
  }),
)
type Schema = z.infer<typeof schemaJson>

/** A type without names: what it consists of has the same namespace. */
export type ResolvedType =
  | { readonly kind: "record"; readonly attributes: ReadonlyMap<string, () => ResolvedType> }
  | { readonly kind: "set"; readonly element: () => ResolvedType }
  | { readonly kind: "named"; readonly name: string }

/** The type of the arguments of calls of an action; null if the schema declares none, or does not parse. */
export function argumentsType(schemaText: string, action: string): ResolvedType | null {
  const answer = schemaToJson(schemaText)
  const schema = answer.type === "success" ? schemaJson.parse(answer.json) : {}
  const context = schema[""]?.actions[action]?.appliesTo?.context
  const resolved = context && resolve(context, "", schema)
  return resolved?.kind === "record" ? (resolved.attributes.get("arguments")?.() ?? null) : null
}

function resolve(one: SchemaType, namespace: string, schema: Schema): ResolvedType {
  switch (one.type) {
    case "Record": {
      const attributes = Object.entries(one.attributes ?? {}).map(
        ([name, inner]) => [name, () => resolve(inner, namespace, schema)] as const,
      )
      return { kind: "record", attributes: new Map(attributes) }
    }
    case "Set": {
      const { element = { type: "" } } = one
      return { kind: "set", element: () => resolve(element, namespace, schema) }
    }
    default:
      return resolveName(one.name ?? one.type, namespace, schema)
  }
}

function resolveName(name: string, namespace: string, schema: Schema): ResolvedType {
  const [, within = "", last = name] = /^(?:(.*)::)?([^:]+)$/.exec(name) ?? []
  const namespaces = within === "" ? [...new Set([namespace, ""])] : [within]
  for (const each of namespaces) {
    const { commonTypes = {}, entityTypes = {} } = schema[each] ?? {}
    const common = Object.hasOwn(commonTypes, last) ? commonTypes[last] : undefined
    if (common) return resolve(common, each, schema)
    if (Object.hasOwn(entityTypes, last)) return { kind: "named", name: `${each}::${last}` }
  }
  return { kind: "named", name: within === "" || within === "__cedar" ? last : name }
}

/** The name of a member as the schema writes it: words of Cedar's grammar stand in quotes. */
export function memberKey(name: string): string {
  return /^[A-Za-z_]\w*$/u.test(name) && !RESERVED.has(name) ? name : JSON.stringify(name)
}
const RESERVED = new Set(["true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"])
