/** The parameters of an operation: their types, which are integers, and which names occur in two places. */
import { isPlainName } from "../../../src/core/catalog/query-names.ts"
import { isObject } from "../../../src/core/encoding/json.ts"
import { argumentName } from "../../compiler/schema/values.ts"
import type { ArgumentType, ArgumentTypes } from "../argument-types.ts"
import { bodySchemas, parameterType } from "./arguments.ts"
import { resolve } from "./reference.ts"
import type { Members } from "./types.ts"

interface Parameters {
  /** By their names in the document. */
  readonly integers: { readonly path: readonly string[]; readonly query: readonly string[] }
  readonly types: { readonly path: ArgumentTypes; readonly query: ArgumentTypes }
  /** Names in the query or among the members of a JSON body. */
  readonly elsewhere: ReadonlySet<string>
  /** Names in the query that the catalog must declare if something reads arguments. */
  readonly unplain: readonly string[]
  /** What could not be read of them, in our own words. */
  readonly unknown: readonly string[]
}

interface ParameterEntry {
  readonly operation: Members
  /** The operation's own parameters, then those of its path item. */
  readonly parameters: readonly unknown[]
}

const MOST_PARAMETERS = 500

export function withPathItem(operation: Members, item: Members): ParameterEntry {
  const own = operation["parameters"]
  const shared = item["parameters"]
  return { operation, parameters: [...(Array.isArray(own) ? own : []), ...(Array.isArray(shared) ? shared : [])] }
}

export function parametersOf(
  document: Members,
  { operation, parameters }: ParameterEntry,
): Parameters | { readonly why: string } {
  if (parameters.length > MOST_PARAMETERS) return { why: `it has more than ${MOST_PARAMETERS} parameters` }
  const integers = { path: [] as string[], query: [] as string[] }
  const types = { path: new Map<string, ArgumentType>(), query: new Map<string, ArgumentType>() }
  const elsewhere = new Set<string>(bodyMembers(document, operation))
  const unplain: string[] = []
  const unknown: string[] = []
  const seen = new Set<string>()
  for (const written of parameters) {
    const resolved = resolve(document, written)
    if ("unresolved" in resolved) {
      unknown.push(`a parameter is ${resolved.unresolved}`)
      continue
    }
    if (!isObject(resolved.value)) continue
    const { name, in: place, style, schema } = resolved.value
    // Headers and cookies are no arguments of a call.
    if (typeof name !== "string" || (place !== "path" && place !== "query")) continue
    // An operation's own parameter replaces that of its path item.
    if (seen.has(`${place} ${name}`)) continue
    seen.add(`${place} ${name}`)
    if (place === "path" && style !== undefined && style !== "simple") {
      return { why: "a path parameter in another style than `simple` is no plain segment" }
    }
    if (place === "query") {
      elsewhere.add(name)
      if (!isPlainName(name)) unplain.push(name)
    }
    const type = resolve(document, schema)
    const isListed =
      "value" in type && isInteger(type.value) && (place === "path" || argumentName.safeParse(name).success)
    if ("unresolved" in type) unknown.push(`the schema of a parameter is ${type.unresolved}`)
    if (isListed) integers[place].push(name)
    types[place].set(name, parameterType(document, resolved.value, isListed))
  }
  return { integers, types, elsewhere, unplain, unknown }
}

/** OpenAPI 3.1 has lists of types; one that may also be null is no plain integer. */
function isInteger(schema: unknown): boolean {
  if (!isObject(schema)) return false
  const { type, nullable } = schema
  if (nullable === true) return false
  return type === "integer" || (Array.isArray(type) && type.length === 1 && type[0] === "integer")
}

function bodyMembers(document: Members, operation: Members): string[] {
  return bodySchemas(document, operation).flatMap(({ properties }) =>
    isObject(properties) ? Object.keys(properties) : [],
  )
}
