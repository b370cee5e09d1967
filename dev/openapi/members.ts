/** The members of a schema, one row each, those of inner objects behind a dot. */
import type { Schema } from "./schema.ts"

interface Row {
  readonly name: string
  readonly type: string
  readonly meaning: string
}

export const isSchema = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value)
const schemasIn = (value: unknown): readonly Schema[] => (Array.isArray(value) ? value.filter(isSchema) : [])

export function memberRows(schema: Schema, before = ""): readonly Row[] {
  const { properties, required } = schema
  if (!isSchema(properties)) return []
  return Object.entries(properties).flatMap(([key, member]) => {
    if (!isSchema(member)) return []
    const isRequired = Array.isArray(required) && required.includes(key)
    const name = `${before}${key}${isRequired ? "" : "?"}`
    const meaning = typeof member["description"] === "string" ? member["description"] : ""
    return [{ name, type: typeText(member), meaning }].concat(rowsBelow(member, name))
  })
}

function rowsBelow(member: Schema, name: string): readonly Row[] {
  if (isSchema(member["items"])) {
    const items = alternativesOf(member["items"])
    return items.length === 1
      ? rowsBelow(member["items"], `${name}[]`)
      : items.flatMap((each) => memberRows(each, `${name}[].`))
  }
  if (Array.isArray(member["anyOf"])) return alternativesOf(member).flatMap((each) => rowsBelow(each, name))
  return memberRows(member, `${name}.`)
}

/** All but null. */
function alternativesOf(schema: Schema): readonly Schema[] {
  const all = [...schemasIn(schema["anyOf"]), ...schemasIn(schema["oneOf"])].filter((each) => each["type"] !== "null")
  return all.length === 0 ? [schema] : all
}

export function typeText(schema: Schema): string {
  const { $ref, anyOf, oneOf, enum: values, const: value, type, items, default: absent } = schema
  const fallback = absent === undefined ? "" : `, default \`${JSON.stringify(absent)}\``
  if (typeof $ref === "string") {
    const name = $ref.split("/").at(-1) ?? ""
    return `[${name}](#${name.toLowerCase()})`
  }
  const alternatives = [...schemasIn(anyOf), ...schemasIn(oneOf)]
  if (alternatives.length > 0) return [...new Set(alternatives.map(typeText))].join(" or ") + fallback
  if (Array.isArray(values)) return values.map((each) => `\`${each}\``).join(", ") + fallback
  if (value !== undefined) return `\`${JSON.stringify(value)}\``
  if (Array.isArray(type)) return type.join(" or ")
  if (type === "array") return `list of ${isSchema(items) ? typeText(items) : "anything"}${fallback}`
  return typeof type === "string" ? `${type}${boundsText(schema)}${fallback}` : "anything"
}

const MOST_EXACT = Number.MAX_SAFE_INTEGER

function boundsText({ minimum, maximum, maxLength, minLength }: Schema): string {
  const least = typeof minimum === "number" && minimum > -MOST_EXACT ? minimum : null
  const most = typeof maximum === "number" && maximum < MOST_EXACT ? maximum : null
  if (least !== null && most !== null) return `, ${least} to ${most}`
  if (least !== null) return `, ${least} or more`
  if (typeof maxLength !== "number") return ""
  return typeof minLength === "number"
    ? `, ${minLength} to ${maxLength} characters`
    : `, at most ${maxLength} characters`
}
