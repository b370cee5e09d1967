/**
 * Public Cedar vectors as a build would hand them to the edge: rules lowered, integers exact, and what only the schema
 * says about a value (that `{"type", "id"}` is a reference, that a text is an address) written out. Every file that
 * goes into this is left out of the answer; what nothing names stays, and so fails the run as unknown.
 */
import { dirname } from "node:path/posix"
import { schemaToJsonWithResolvedTypes } from "@cedar-policy/cedar-wasm/nodejs"
import { z } from "zod"
import { actionEntities } from "../../cli/compiler/model/actions.ts"
import { parseExactly } from "../../cli/compiler/source/exact-json.ts"
import { ruleToJson } from "../../cli/compiler/rules/exact-rule.ts"
import { splitRules } from "../../cli/compiler/rules/split-rules.ts"
import { isNode, type Node } from "../../src/core/policy/cedar/est.ts"
import type { Files } from "../conformance/folders.ts"

const uid = z.object({ type: z.string(), id: z.string() })
const request = z.looseObject({ action: uid, context: z.record(z.string(), z.unknown()) })
const handWritten = z.looseObject({
  policies: z.string(),
  entities: z.string(),
  schema: z.string(),
  requests: z.array(request),
})
const generated = z.looseObject({
  id: z.string(),
  policies: z.string(),
  entities_json: z.string(),
  schema: z.string(),
  requests: z.array(request),
})
const entity = z.looseObject({ uid, attrs: z.record(z.string(), z.unknown()) })

interface Texts {
  readonly policies: string
  readonly entities: string
  readonly schema: string
  readonly requests: readonly z.infer<typeof request>[]
}

export function prepareCedar(files: Files): Files {
  const used = new Set<string>()
  const text = (path: string): string => {
    used.add(path)
    return files[path] ?? ""
  }
  const prepared = Object.keys(files).flatMap((path): [string, string][] => {
    if (path.endsWith(".ndjson")) return [[path, prepareLines(text(path))]]
    if (!path.endsWith(".json") || !dirname(path).startsWith("tests/")) return []
    const vector = handWritten.parse(parseExactly(text(path)))
    const { policies, entities, schema } = vector
    const prepared = prepare({ ...vector, policies: text(policies), entities: text(entities), schema: text(schema) })
    return [[path, JSON.stringify(prepared)]]
  })
  // Beside the schema with extension types lies one without, which no case names.
  for (const path of Object.keys(files)) if (path.endsWith(".cedarschema")) used.add(path)
  const unused = Object.entries(files).filter(([path]) => !used.has(path))
  return Object.fromEntries([...prepared, ...unused])
}

function prepareLines(lines: string): string {
  const vectors = lines.split("\n").filter((line) => line !== "")
  return vectors
    .map((line) => {
      const { id, entities_json: entities, ...vector } = generated.parse(parseExactly(line))
      return JSON.stringify({ id, ...prepare({ ...vector, entities }) })
    })
    .join("\n")
}

function prepare({ policies, entities, schema, requests }: Texts): object {
  const types = new Types(schema)
  const stored = z.array(entity).parse(parseExactly(entities))
  const present = new Set(stored.map(({ uid }) => JSON.stringify(uid)))
  return {
    rules: splitRules(policies).map(({ text }, index) => lowered(`policy${index}`, text)),
    entities: [
      ...stored.map((one) => types.entity(one)),
      ...actionEntities(schema).filter(({ uid: { type, id } }) => !present.has(JSON.stringify({ type, id }))),
    ],
    requests: requests.map((one) => ({ ...one, context: types.context(one.action, one.context) })),
  }
}

function lowered(id: string, text: string): object {
  const answer = ruleToJson(text, "policy")
  if (answer.type === "failure") throw new Error(`${text}: ${JSON.stringify(answer.errors)}`)
  return { id, policy: answer.json, reads: [] }
}

/** Writes out, by a schema, what values stand for. */
class Types {
  readonly #namespaces: Node

  constructor(schema: string) {
    const answer = schemaToJsonWithResolvedTypes(schema)
    if (answer.type === "failure") throw new Error(JSON.stringify(answer.errors))
    this.#namespaces = { ...answer.json }
  }

  entity(one: z.infer<typeof entity>): object {
    const shape = this.#declared("entityTypes", one.uid.type)?.shape
    const { tags } = this.#declared("entityTypes", one.uid.type) ?? {}
    const given = isNode(one.tags) ? one.tags : {}
    return {
      ...one,
      attrs: this.#explicit(one.attrs, shape),
      tags: mapMembers(given, (tag) => this.#explicit(tag, tags)),
    }
  }

  context(action: z.infer<typeof uid>, context: unknown): unknown {
    const { appliesTo } = this.#declared("actions", action.type, action.id) ?? {}
    return this.#explicit(context, isNode(appliesTo) ? appliesTo.context : undefined)
  }

  /** @param qualified a name with its namespace; of an action, its type, and `id` beside it */
  #declared(kind: "entityTypes" | "actions" | "commonTypes", qualified: string, id?: string): Node | undefined {
    const end = qualified.lastIndexOf("::")
    const namespace = this.#namespaces[end === -1 ? "" : qualified.slice(0, end)]
    const all = isNode(namespace) ? namespace[kind] : undefined
    const found = isNode(all) ? all[id ?? qualified.slice(end === -1 ? 0 : end + 2)] : undefined
    return isNode(found) ? found : undefined
  }

  #explicit(value: unknown, type: unknown): unknown {
    if (!isNode(type) || typeof type.type !== "string") return value
    const { attributes, element, name } = type
    switch (type.type) {
      case "Record":
        if (!isNode(value) || !isNode(attributes)) return value
        return mapMembers(value, (member, key) => this.#explicit(member, attributes[key]))
      case "Set":
        return Array.isArray(value) ? value.map((item) => this.#explicit(item, element)) : value
      case "Entity":
        return isNode(value) && value.__entity === undefined ? { __entity: value } : value
      case "Extension":
        if (typeof value === "string") return { __extn: { fn: name === "ipaddr" ? "ip" : name, arg: value } }
        return isNode(value) && value.__extn === undefined ? { __extn: value } : value
      case "String":
      case "Long":
      case "Boolean":
        return value
      default:
        return this.#explicit(value, this.#declared("commonTypes", type.type))
    }
  }
}

function mapMembers(members: Node, change: (member: unknown, key: string) => unknown): Node {
  return Object.fromEntries(Object.entries(members).map(([key, member]) => [key, change(member, key)]))
}
