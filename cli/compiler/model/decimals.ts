/**
 * The arguments that the schema declares as `decimal`: a JSON number does not say whether it is one, so the Worker
 * reads it as the bundle says. Types are resolved as Cedar does (Cedar documentation, "Schema", name resolution): a
 * name of the own namespace first, then one without a namespace, then one that is built in.
 */
import { z } from "zod"
import { ACTIONS, type Action } from "../../../src/core/catalog/tool.ts"
import type { DecimalMembers, Decimals } from "../../../src/core/policy/cedar/values/json-number.ts"
import { schemaToJson } from "../source/official-engine.ts"

interface Type {
  readonly type: string
  readonly name?: string | undefined
  readonly element?: Type | undefined
  readonly attributes?: Readonly<Record<string, Type>> | undefined
}

const type: z.ZodType<Type> = z.lazy(() =>
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

/** Nothing is a decimal if the schema does not parse; that problem is reported elsewhere. */
export function decimalArguments(schemaText: string): Readonly<Record<Action, DecimalMembers>> {
  const answer = schemaToJson(schemaText)
  const schema = answer.type === "success" ? schemaJson.parse(answer.json) : {}
  const ofAction = (action: Action): DecimalMembers => {
    const context = schema[""]?.actions[action]?.appliesTo?.context
    const found = context && decimalsIn(context, "", schema)
    const args = membersOf(found)["arguments"]
    return membersOf(args)
  }
  const [read, write, execute] = ACTIONS.map(ofAction)
  return { read: read ?? {}, write: write ?? {}, execute: execute ?? {} }
}

function membersOf(decimals: Decimals | undefined): DecimalMembers {
  return typeof decimals === "object" && "members" in decimals ? decimals.members : {}
}

function decimalsIn(one: Type, namespace: string, schema: Schema): Decimals | undefined {
  switch (one.type) {
    case "Record": {
      const members = Object.entries(one.attributes ?? {}).flatMap(([name, inner]) => {
        const decimals = decimalsIn(inner, namespace, schema)
        return decimals === undefined ? [] : [[name, decimals] as const]
      })
      return members.length === 0 ? undefined : { members: Object.fromEntries(members) }
    }
    case "Set": {
      const each = one.element && decimalsIn(one.element, namespace, schema)
      return each && { each }
    }
    case "Extension":
      return one.name === "decimal" ? "decimal" : undefined
    default:
      return named(one.name ?? one.type, namespace, schema)
  }
}

function named(name: string, namespace: string, schema: Schema): Decimals | undefined {
  const [, within = "", last = name] = /^(?:(.*)::)?([^:]+)$/.exec(name) ?? []
  const namespaces = within === "" ? [...new Set([namespace, ""])] : [within]
  for (const each of namespaces) {
    const { commonTypes = {}, entityTypes = {} } = schema[each] ?? {}
    const common = Object.hasOwn(commonTypes, last) ? commonTypes[last] : undefined
    if (common) return decimalsIn(common, each, schema)
    if (Object.hasOwn(entityTypes, last)) return undefined
  }
  return last === "decimal" && (within === "" || within === "__cedar") ? "decimal" : undefined
}
