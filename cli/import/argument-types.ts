/**
 * The arguments of a tool as types of Cedar, from its JSON Schema. What rules can read has one type: text, whole
 * numbers, decimals, truth values, lists of one type, and objects whose members are declared. All of it is optional,
 * because a client can leave out whatever it likes.
 */
import { isObject } from "../../src/core/encoding/json.ts"
import { hasUnseen } from "../../src/core/encoding/display-text.ts"
import { memberKey } from "../compiler/model/schema-types.ts"
import { argumentName } from "../compiler/schema/values.ts"

export interface ArgumentType {
  /** As schema.cedarschema writes it; null if rules cannot read it. */
  readonly type: string | null
  /** What of it has no type, by its path, and why. */
  readonly left: readonly UntypedPart[]
}

export interface UntypedPart {
  readonly path: string
  readonly why: string
}

/** By the argument's name. */
export type ArgumentTypes = ReadonlyMap<string, ArgumentType>

const MOST_ARGUMENTS = 200
/** Levels of lists and objects: a rule that reads deeper is hard to get right. */
const MOST_DEPTH = 4
/** References of a schema that follow one another; a cycle has no end. */
const MOST_REFERENCES = 8

type Schema = Readonly<Record<string, unknown>>

/**
 * @param whole the schema of all arguments, an object
 * @param root what references lead into
 */
export function argumentTypes(whole: unknown, root: unknown = whole): ArgumentTypes {
  if (!isObject(whole) || !isObject(whole["properties"]) || !isObject(root)) return new Map()
  const all = Object.entries(whole["properties"])
  const named = all.filter(([name]) => argumentName.safeParse(name).success).slice(0, MOST_ARGUMENTS)
  const types = new Map(named.map(([name, schema]) => [name, typeOf(schema, name, root, MOST_DEPTH)]))
  const others = all.length - named.length
  return others === 0 ? types : types.set("", untyped(`${others} arguments`, "too many, or with strange names"))
}

/** Arguments that are text by their nature: of prompts, and of the URIs of resources. */
export function textArguments(names: readonly string[]): ArgumentTypes {
  return argumentTypes({ properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])) })
}

/** Of one argument, as `argumentTypes`. */
export const argumentType = (schema: unknown, name: string, root: Schema): ArgumentType =>
  typeOf(schema, name, root, MOST_DEPTH)

function typeOf(written: unknown, path: string, root: Schema, depth: number): ArgumentType {
  const schema = plain(written, root)
  if (typeof schema === "string") return untyped(path, schema)
  const kind = kindOf(schema)
  switch (kind) {
    case "string":
      return typed("String")
    case "integer":
      return typed("Long")
    case "number":
      return typed("decimal")
    case "boolean":
      return typed("Bool")
    case "array": {
      if (depth === 0) return untyped(path, "lists and objects that nest deeper")
      const { type, left } = typeOf(schema["items"], `${path}[]`, root, depth - 1)
      return type === null ? untyped(path, left[0]?.why ?? "a list of anything") : { type: `Set<${type}>`, left }
    }
    case "object":
      return depth === 0 ? untyped(path, "lists and objects that nest deeper") : recordOf(schema, path, root, depth - 1)
    default:
      return untyped(path, kind === null ? "of no type that the server states" : "of several types")
  }
}

function recordOf(schema: Schema, path: string, root: Schema, depth: number): ArgumentType {
  const { properties } = schema
  const members = isObject(properties) ? Object.entries(properties) : []
  if (members.length === 0) return untyped(path, "an object whose members are not declared")
  if (members.length > MOST_ARGUMENTS) return untyped(path, "an object with too many members")
  const read = members.map(([name, member]) => {
    // The name goes into the text of a schema, and it is the server's.
    const isPlain = name !== "" && name.length <= 128 && !hasUnseen(name) && !/["\\]/u.test(name)
    const { type, left } = isPlain
      ? typeOf(member, `${path}.${name}`, root, depth)
      : untyped(path, "a member with a strange name")
    return { name, type, left }
  })
  const left = read.flatMap((each) => each.left)
  const types = read.flatMap(({ name, type }) => (type === null ? [] : [`${memberKey(name)}?: ${type}`]))
  return types.length === 0 ? untyped(path, left[0]?.why ?? "an object") : { type: `{ ${types.join(", ")} }`, left }
}

export const typed = (type: string): ArgumentType => ({ type, left: [] })
export const untyped = (path: string, why: string): ArgumentType => ({ type: null, left: [{ path, why }] })

/** Follows references, and takes one of several forms if the others are null. Text: why there is no one schema. */
function plain(written: unknown, root: Schema): Schema | string {
  let schema: unknown = written
  for (let steps = 0; steps < MOST_REFERENCES; steps++) {
    if (!isObject(schema)) return "of no type that the server states"
    const forms = [schema["anyOf"], schema["oneOf"], schema["allOf"]].find((each) => Array.isArray(each))
    if (typeof schema["$ref"] === "string") schema = referenced(schema["$ref"], root)
    else if (forms === undefined) return schema
    else {
      const others = forms.filter((form) => !(isObject(form) && form["type"] === "null"))
      if (others.length === 0) return "only ever null"
      if (others.length > 1) return ofOneKind(others) ?? "of several types"
      schema = others[0]
    }
  }
  return "of a type that leads to itself"
}

/** `anyOf: [{ type: string, format: date }, { type: string }]` is text. */
function ofOneKind(forms: readonly unknown[]): Schema | null {
  const kinds = new Set(forms.map((form) => (isObject(form) ? kindOf(form) : null)))
  const [kind] = kinds
  const isScalar = kind === "string" || kind === "integer" || kind === "number" || kind === "boolean"
  return kinds.size === 1 && isScalar ? { type: kind } : null
}

/** Within the schema alone; its segments are escaped (RFC 6901, section 3). */
function referenced(reference: string, root: Schema): unknown {
  if (!reference.startsWith("#/")) return undefined
  return reference
    .slice(2)
    .split("/")
    .map((segment) => segment.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce<unknown>((at, segment) => (isObject(at) && Object.hasOwn(at, segment) ? at[segment] : undefined), root)
}

/** The one type besides null; null if none is stated, `several` if there are more. */
function kindOf(schema: Schema): string | null {
  const { type } = schema
  const listed: readonly unknown[] = Array.isArray(type) ? type : type === undefined ? valueKinds(schema) : [type]
  const kinds = [...new Set(listed.filter((each) => each !== "null"))]
  const [kind] = kinds
  if (kinds.length === 2 && kinds.includes("integer") && kinds.includes("number")) return "number"
  return kinds.length > 1 ? "several" : typeof kind === "string" ? kind : null
}

/** Of a schema that lists its values. */
function valueKinds(schema: Schema): readonly string[] {
  const values: readonly unknown[] = Array.isArray(schema["enum"])
    ? schema["enum"]
    : "const" in schema
      ? [schema["const"]]
      : []
  return values.map((value) => (value === null ? "null" : Number.isInteger(value) ? "integer" : typeof value))
}
