/**
 * Values in Cedar's own JSON (Cedar documentation, "Entities and context syntax"), with its escapes: `__entity` for an
 * entity, `__extn` for an extension value. Only for what operators wrote: read this way, an agent's argument could pose
 * as any entity, for example an administrator.
 */
import { EvaluationError } from "./evaluation-error.ts"
import { FUNCTIONS, call } from "./functions.ts"
import { readLong } from "./long.ts"
import { type EntityRef, type Value, entity, readJson } from "./value.ts"

/**
 * A function that Cedar does not have: with `{"__extn": {"fn": "long", "arg": "9007199254740993"}}` the build writes an
 * integer that JSON parsers round. No Cedar text becomes it by itself, so it can mean nothing else.
 */
export const LONG = "long"

/** `undefined`: no Cedar value. */
export function fromCedarJson(json: unknown): Value | undefined {
  return readJson(json, readEscape)
}

function readEscape(object: object, depth: number): Value | undefined | null {
  const only = Object.keys(object).length === 1
  if ("__entity" in object && Object.hasOwn(object, "__entity")) return only ? readUid(object.__entity) : undefined
  if ("__extn" in object && Object.hasOwn(object, "__extn")) return only ? readCall(object.__extn, depth) : undefined
  return null
}

/** `{fn, arg}`, or `{fn, args}` if the function takes several. */
function readCall(json: unknown, depth: number): Value | undefined {
  if (typeof json !== "object" || json === null || !("fn" in json) || typeof json.fn !== "string") return undefined
  if ("arg" in json && json.fn === LONG) return typeof json.arg === "string" ? readLong(json.arg) : undefined
  const listed = "args" in json ? json.args : "arg" in json ? [json.arg] : undefined
  const apply = FUNCTIONS.get(json.fn)
  if (apply === undefined || !Array.isArray(listed)) return undefined
  const args: Value[] = []
  for (const item of listed) {
    const value = readJson(item, readEscape, undefined, depth)
    if (value === undefined) return undefined
    args.push(value)
  }
  try {
    return call(apply, args)
  } catch (error) {
    if (error instanceof EvaluationError) return undefined
    throw error
  }
}

/** `{type, id}`, as every JSON format of Cedar names entities. */
export function readUid(uid: unknown): EntityRef | undefined {
  if (typeof uid !== "object" || uid === null) return undefined
  if (!("type" in uid) || typeof uid.type !== "string" || !uid.type.isWellFormed()) return undefined
  if (!("id" in uid) || typeof uid.id !== "string" || !uid.id.isWellFormed()) return undefined
  return entity(uid.type, uid.id)
}
