/**
 * The types of a route's arguments as they reach rules. A segment of the path, and a parameter of the query, is a text
 * whatever the document says of it, unless the route lists it as an integer; a rule reads a text as a decimal if the
 * schema declares one. The members of a JSON body have the types that the document states.
 */
import { isJsonType, isObject } from "../../../src/core/encoding/json.ts"
import { argumentName } from "../../compiler/schema/values.ts"
import {
  argumentType,
  argumentTypes,
  typed,
  untyped,
  type ArgumentType,
  type ArgumentTypes,
} from "../argument-types.ts"
import { resolve } from "./reference.ts"
import type { Members } from "./types.ts"

/**
 * @param parameter of a path or a query, as the document describes it
 * @param isInteger the route lists it as an integer
 */
export function parameterType(document: Members, parameter: Members, isInteger: boolean): ArgumentType {
  if (isInteger) return typed("Long")
  const { in: place, style = "form", explode = style === "form", schema, content } = parameter
  const name = String(parameter["name"])
  const stated = argumentType(schema, name, document)
  if (stated.type === "decimal") return stated
  // The members of such an object are parameters of their own, under names that this one does not show.
  const isSpread = place === "query" && content === undefined && (explode === true || style === "deepObject")
  if (!isSpread || (stated.type !== null && !stated.type.startsWith("{"))) return typed("String")
  return untyped(name, stated.left[0]?.why ?? "an object whose members are parameters of their own")
}

/** The schemas of bodies whose members are arguments. */
export function bodySchemas(document: Members, operation: Members): readonly Members[] {
  const body = resolve(document, operation["requestBody"])
  const content = "value" in body && isObject(body.value) ? body.value["content"] : undefined
  if (!isObject(content)) return []
  return Object.entries(content).flatMap(([type, media]) => {
    const schema = isJsonType(type) && isObject(media) ? resolve(document, media["schema"]) : null
    return schema && "value" in schema && isObject(schema.value) ? [schema.value] : []
  })
}

/**
 * @param path by the names in the route; a call that has such a name elsewhere too is denied
 * @param query by name
 */
export function inputsOf(
  document: Members,
  operation: Members,
  path: ArgumentTypes,
  query: ArgumentTypes,
): ArgumentTypes {
  const bodies = bodySchemas(document, operation).map((schema) => argumentTypes(schema, document))
  const elsewhere = new Map<string, ArgumentType>()
  for (const place of [query, ...bodies]) {
    for (const [name, type] of place) {
      const other = elsewhere.get(name)
      const isSame = other === undefined || other.type === type.type
      elsewhere.set(name, isSame ? type : untyped(name, "of several types, by the place or the type of the body"))
    }
  }
  const named = [...elsewhere, ...path].filter(([name]) => name === "" || argumentName.safeParse(name).success)
  return new Map(named)
}
