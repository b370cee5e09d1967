/**
 * docs/reference/policy-files.md, made from the schemas with which `narrowgate check` reads the files, and from the
 * descriptions in them. `npm run reference` writes the page.
 */
import { z } from "zod"
import { KINDS } from "../../src/core/guardrails/kinds.ts"
import { POLICY_FILES } from "../compiler/model/policy-files.ts"
import { DECISION_TABLES } from "./schemas.ts"

type Plain = string | number | boolean | null

/** The parts of a JSON Schema that the page is made of. */
interface Schema {
  readonly $ref?: string
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly const?: Plain
  readonly enum?: readonly Plain[]
  readonly default?: Plain | object
  readonly minimum?: number
  readonly maximum?: number
  readonly items?: Schema | readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: Schema | boolean
  readonly anyOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly definitions?: Readonly<Record<string, Schema>>
}

interface Row {
  readonly path: string
  readonly schema: Schema
  readonly isRequired: boolean
}

/** A table cell that is longer than this cannot be read. */
const LONGEST_CELL = 200
/** As many fields that all sections of a file share get a table of their own. */
const FEWEST_SHARED = 3

export function policyFilesPage(): string {
  const definitions = new Map<string, Schema>()
  const tables = { ...DECISION_TABLES, file: "*.test.yaml", absent: {} }
  const files = [...Object.values(POLICY_FILES), tables].map((file) => {
    const schema: Schema = JSON.parse(JSON.stringify(z.toJSONSchema(file.schema, { io: "input", target: "draft-07" })))
    for (const [name, definition] of Object.entries(schema.definitions ?? {})) definitions.set(name, definition)
    return fileText(file.file, file.doc, file.absent === null, schema)
  })
  const shared = Array.from(definitions, ([name, definition]) => `## ${name}\n\n${definitionText(definition)}`)
  return [HEAD, ...files, ...shared].join("\n")
}

const HEAD = `\
# Policy files

What each file of a policy directory may contain. \`npm run reference\` makes this page from the schemas with which
\`narrowgate check\` reads the files; editors show the same descriptions. [Policies](../guides/policies.md) explains how the files
work together. A directory also has Cedar rules (\`*.cedar\`) and their schema (\`schema.cedarschema\`, required).
`

function fileText(file: string, doc: string, isRequired: boolean, schema: Schema): string {
  const lead = `## ${file}\n\n${doc} ${isRequired ? "This file is required." : "This file is optional."}\n`
  const entries = isList(schema) ? [["entries", schema] as const] : Object.entries(schema.properties ?? {})
  const common = sharedBy(entries.map(([, list]) => entryOf(list)))
  const sections = entries.map(([name, list]) => {
    const rows = rowsOf(entryOf(list), common)
    const note = schema.required?.includes(name) ? " Required." : ""
    const fields = list.$ref === undefined ? table(rows) : `It has the fields of ${typeText(list)}.\n`
    return `### \`${name}\` in ${file}\n\n${list.description ?? "The entries of the file."}${note}\n\n${fields}`
  })
  const all =
    common.size > 0
      ? [
          `### All sections of ${file}\n\n${table(rowsOf({ properties: Object.fromEntries(common), required: requiredOfAll(entries.map(([, list]) => entryOf(list))) }))}`,
        ]
      : []
  const kinds = file === POLICY_FILES.guardrails.file ? [KINDS_TEXT] : []
  return [lead, ...all, ...sections, ...kinds].join("\n")
}

const KINDS_TEXT = `\
### Kinds of guardrails

Bundles and decision records name the kind of each guardrail.

| kind | what it does |
| --- | --- |
${Object.entries(KINDS)
  .map(([kind, { doc }]) => `| \`${kind}\` | ${doc} |`)
  .join("\n")}
`

function definitionText(definition: Schema): string {
  if (!definition.properties) {
    const tables = objectsIn(definition, "").map(([, object]) => `\n${table(rowsOf(object))}`)
    return `${definition.description ?? `Its form: ${typeText(definition)}.`}\n${tables.join("")}`
  }
  const parts = Object.values(definition.properties).filter(({ properties }) => properties !== undefined)
  const common = sharedBy(parts)
  const rows = rowsOf(definition, common)
  if (common.size === 0) return table(rows)
  const shared = table(rowsOf({ properties: Object.fromEntries(common), required: requiredOfAll(parts) }))
  return `${table(rows)}\nEach of its calls has these fields too:\n\n${shared}`
}

/** The fields that all of these have, and all in the same way. */
function sharedBy(all: readonly Schema[]): ReadonlyMap<string, Schema> {
  const [first, ...others] = all
  if (!first || others.length === 0) return new Map()
  const shared = Object.entries(first.properties ?? {}).filter(([name, schema]) =>
    others.every(({ properties }) => JSON.stringify(properties?.[name]) === JSON.stringify(schema)),
  )
  return shared.length < FEWEST_SHARED ? new Map() : new Map(shared)
}

function requiredOfAll(all: readonly Schema[]): readonly string[] {
  return [...(all[0]?.required ?? [])].filter((name) => all.every(({ required }) => required?.includes(name)))
}

/** Every field, however deep. A list of objects is `name[]`, the members of a map are `name.*`. */
function rowsOf(schema: Schema, without: ReadonlyMap<string, Schema> = new Map(), below = ""): readonly Row[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]): readonly Row[] => {
    const shared = without.get(name)
    if (shared && JSON.stringify(shared) === JSON.stringify(field)) return []
    const path = `${below}${name}`
    const own: Row = { path, schema: field, isRequired: schema.required?.includes(name) ?? false }
    return [own].concat(objectsIn(field, path).flatMap(([at, object]) => rowsOf(object, without, `${at}.`)))
  })
}

function objectsIn(schema: Schema, path: string): readonly (readonly [path: string, object: Schema])[] {
  const { items, anyOf = [], additionalProperties } = schema
  return [
    ...(schema.properties ? [[path, schema] as const] : []),
    ...(isOne(items) ? objectsIn(items, `${path}[]`) : []),
    ...(typeof additionalProperties === "object" ? objectsIn(additionalProperties, `${path}.*`) : []),
    ...anyOf.flatMap((each) => objectsIn(each, path)),
  ]
}

function table(rows: readonly Row[]): string {
  const long: string[] = []
  const lines = rows.map(({ path, schema, isRequired }) => {
    let type = typeText(schema)
    if (type.length > LONGEST_CELL) {
      long.push(`\nThe values of \`${path}\`: ${type}.\n`)
      type = "see below"
    }
    const presence = isRequired ? "required" : "default" in schema ? defaultText(schema.default) : "optional"
    return `| \`${path}\` | ${type} | ${presence} | ${descriptionOf(schema).replaceAll("|", "\\|")} |`
  })
  return `| field | type | presence | description |\n| --- | --- | --- | --- |\n${lines.join("\n")}\n${long.join("")}`
}

function defaultText(value: Schema["default"]): string {
  return typeof value === "object" ? "optional" : `default: \`${String(value)}\``
}

function typeText(schema: Schema): string {
  const { $ref, type, enum: values, minimum, maximum, items, additionalProperties, anyOf, allOf } = schema
  if ($ref !== undefined) return `[${nameOf($ref)}](#${nameOf($ref)})`
  if (allOf) return allOf.map(typeText).join(" and ")
  if (schema.const !== undefined) return `\`${String(schema.const)}\``
  if (values) return values.map((value) => `\`${String(value)}\``).join(", ")
  // A text whose values an editor completes has both.
  if (anyOf && type === undefined) return [...new Set(anyOf.map(typeText))].join(" or ")
  if (type === "array") return isOne(items) ? `list of ${typeText(items)}` : "list"
  if (type === "object")
    return typeof additionalProperties === "object" ? `map of ${typeText(additionalProperties)}` : "object"
  if (type === "integer" || type === "number")
    return `${type === "integer" ? "whole number" : "number"}${rangeText(minimum, maximum)}`
  if (type === undefined) return "any value"
  return [type]
    .flat()
    .map((one) => (one === "string" ? "text" : one))
    .join(" or ")
}

function rangeText(minimum = -Infinity, maximum = Infinity): string {
  const from = minimum > Number.MIN_SAFE_INTEGER ? ` from ${minimum}` : ""
  return `${from}${maximum < Number.MAX_SAFE_INTEGER ? ` to ${maximum}` : ""}`
}

function descriptionOf(schema: Schema): string {
  return schema.description ?? ""
}

function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf("/") + 1)
}

function entryOf(list: Schema): Schema {
  return isOne(list.items) ? list.items : list
}

function isList(schema: Schema): boolean {
  return schema.type === "array"
}

function isOne(items: Schema["items"]): items is Schema {
  return items !== undefined && !Array.isArray(items)
}
