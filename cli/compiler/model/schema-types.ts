/**
 * Types of schema.cedarschema. Names are resolved as Cedar does (Cedar documentation, "Schema"): one of the own
 * namespace first, then one without a namespace, then one that is built in.
 */
import { z } from "zod"
import { entity } from "../../../src/core/policy/cedar/values/value.ts"
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
    entityTypes: z.record(z.string(), z.object({ shape: type.optional() })).default({}),
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

interface DeclaredTypes {
  /** By the key of the action. */
  readonly contexts: ReadonlyMap<string, ResolvedType>
  /** The attributes of an entity, by its type. */
  readonly attributes: ReadonlyMap<string, ResolvedType>
}

/** Nothing is declared if the schema does not parse; that problem is reported elsewhere. */
export function declaredTypes(schemaText: string): DeclaredTypes {
  const answer = schemaToJson(schemaText)
  const schema = answer.type === "success" ? schemaJson.parse(answer.json) : {}
  const namespaces = Object.entries(schema)
  const contexts = namespaces.flatMap(([namespace, { actions }]) =>
    Object.entries(actions).flatMap(([id, { appliesTo }]) => {
      const context = appliesTo?.context
      const { key } = entity(within(namespace, "Action"), id)
      return context ? [[key, resolve(context, namespace, schema)] as const] : []
    }),
  )
  const attributes = namespaces.flatMap(([namespace, { entityTypes }]) =>
    Object.entries(entityTypes).flatMap(([name, { shape }]) =>
      shape ? [[within(namespace, name), resolve(shape, namespace, schema)] as const] : [],
    ),
  )
  return { contexts: new Map(contexts), attributes: new Map(attributes) }
}

const within = (namespace: string, name: string): string => (namespace === "" ? name : `${namespace}::${name}`)

/** The type of the arguments of calls of an action; null if the schema declares none, or does not parse. */
export function argumentsType(schemaText: string, action: string): ResolvedType | null {
  const context = declaredTypes(schemaText).contexts.get(entity("Action", action).key)
  return context?.kind === "record" ? (context.attributes.get("arguments")?.() ?? null) : null
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
  const [, namespaceOfName = "", last = name] = /^(?:(.*)::)?([^:]+)$/.exec(name) ?? []
  const namespaces = namespaceOfName === "" ? [...new Set([namespace, ""])] : [namespaceOfName]
  for (const each of namespaces) {
    const { commonTypes = {}, entityTypes = {} } = schema[each] ?? {}
    const common = Object.hasOwn(commonTypes, last) ? commonTypes[last] : undefined
    if (common) return resolve(common, each, schema)
    if (Object.hasOwn(entityTypes, last)) return { kind: "named", name: `${each}::${last}` }
  }
  return { kind: "named", name: namespaceOfName === "" || namespaceOfName === "__cedar" ? last : name }
}

/** The name of a member as the schema writes it: words of Cedar's grammar stand in quotes. */
export function memberKey(name: string): string {
  return /^[A-Za-z_]\w*$/u.test(name) && !RESERVED.has(name) ? name : JSON.stringify(name)
}
const RESERVED = new Set(["true", "false", "if", "then", "else", "in", "is", "like", "has", "__cedar"])
