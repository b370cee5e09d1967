/** `type Arguments` of schema.cedarschema: the types of tools' arguments, added to what a person has written. */
import { isDeepStrictEqual } from "node:util"
import { z } from "zod"
import { schemaToJson } from "../compiler/source/official-engine.ts"
import { memberKey } from "../compiler/model/schema-types.ts"
import type { ArgumentTypes } from "./argument-types.ts"
import { spliced, unifiedDiff, type Splice } from "./text-edits.ts"

export const SCHEMA = "schema.cedarschema"

export interface TypedTool {
  readonly name: string
  readonly inputs: ArgumentTypes
}

export interface Declarations {
  /** The type of each argument, by name. */
  readonly types: ReadonlyMap<string, string>
  /** What has no type, and why; by argument. */
  readonly left: readonly string[]
}

const MOST_TOOLS_NAMED = 3

/** An argument of one name has one type in all tools, because rules read the arguments of any tool by one type. */
export function declarationsOf(tools: readonly TypedTool[]): Declarations {
  const toolsOf = new Map<string, Map<string, string[]>>()
  const left = new Map<string, string>()
  for (const { name: tool, inputs } of tools) {
    for (const [name, { type, left: parts }] of inputs) {
      for (const { path, why } of parts) if (!left.has(path)) left.set(path, `${path} of ${tool}: ${why}`)
      if (type === null) continue
      const types = toolsOf.get(name) ?? new Map<string, string[]>()
      toolsOf.set(name, types.set(type, [...(types.get(type) ?? []), tool]))
    }
  }
  const types = new Map<string, string>()
  for (const name of [...toolsOf.keys()].toSorted()) {
    const [[type] = [""], ...others] = toolsOf.get(name) ?? []
    if (others.length === 0) types.set(name, type)
    else left.set(name, `${name}: ${conflict(toolsOf.get(name) ?? new Map())}`)
  }
  return { types, left: [...left.values()].toSorted() }
}

function conflict(types: ReadonlyMap<string, readonly string[]>): string {
  const all = Array.from(types, ([type, [tool = ""]]) => `${type} in ${tool}`)
  const more = all.length > MOST_TOOLS_NAMED ? ` and ${all.length - MOST_TOOLS_NAMED} more` : ""
  return `${all.slice(0, MOST_TOOLS_NAMED).join(", ")}${more}`
}

/** The lines of `type Arguments`. */
export function memberLines({ types, left }: Declarations): readonly string[] {
  return [
    ...Array.from(types, ([name, type]) => `  ${memberKey(name)}?: ${type},`),
    ...(left.length === 0
      ? []
      : ["  // Left out, since rules could not read it:", ...left.map((each) => `  //   ${each}`)]),
  ]
}

export interface SchemaChange {
  readonly text: string
  readonly diff: string
  readonly notes: readonly string[]
}

const NOTHING: SchemaChange = { text: "", diff: "", notes: [] }

/** Adds what the file does not declare yet; what it declares stays. */
export function withArguments(before: string, tools: readonly TypedTool[]): SchemaChange {
  const { types, left } = declarationsOf(tools)
  if (types.size === 0 && left.length === 0) return { ...NOTHING, text: before }
  const declared = membersIn(before)
  const place = placeIn(before)
  if (!declared || !place) {
    const note = `${SCHEMA} has no \`type Arguments\` to which arguments could be added; declare those that rules read`
    return { ...NOTHING, text: before, notes: [note] }
  }
  const added = new Map([...types].filter(([name]) => !Object.hasOwn(declared, name)))
  const notes = [...types].flatMap(([name, type]) => {
    if (!Object.hasOwn(declared, name) || isDeepStrictEqual(declared[name], jsonOf(name, type))) return []
    return [`${SCHEMA} declares \`${name}\` in another way than ${type}, which the server says of it: it stays`]
  })
  const unmentioned = left.filter((each) => !before.includes(each))
  const lines = memberLines({ types: added, left: unmentioned })
  if (lines.length === 0) return { ...NOTHING, text: before, notes }
  const splices: Splice[] = [
    ...(place.lacksComma ? [{ at: place.last, remove: 0, insert: "," }] : []),
    { at: place.close, remove: 0, insert: `${before[place.close - 1] === "\n" ? "" : "\n"}${lines.join("\n")}\n` },
  ]
  const text = spliced(before, splices)
  const isMeant = isDeepStrictEqual(
    Object.keys(membersIn(text) ?? {}).toSorted(),
    [...Object.keys(declared), ...added.keys()].toSorted(),
  )
  if (isMeant) return { text, diff: unifiedDiff(SCHEMA, before, splices), notes }
  return { ...NOTHING, text: before, notes: [...notes, `${SCHEMA} is written in a way to which nothing can be added`] }
}

const attributes = z.record(z.string(), z.unknown())
const schemaJson = z.looseObject({
  "": z.looseObject({ commonTypes: z.looseObject({ Arguments: z.looseObject({ attributes }) }) }),
})

/** The declared members, in the JSON of schemas. */
function membersIn(schema: string): Readonly<Record<string, unknown>> | null {
  const answer = schemaToJson(schema)
  const parsed = answer.type === "success" ? schemaJson.safeParse(answer.json) : null
  return parsed?.success ? parsed.data[""].commonTypes.Arguments.attributes : null
}

function jsonOf(name: string, type: string): unknown {
  return membersIn(`type Arguments = { ${memberKey(name)}?: ${type} };`)?.[name]
}

const TOKEN = /\/\/[^\n]*|"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|[^\s]/gu

/** Without comments. */
export const tokensIn = (schema: string): readonly RegExpExecArray[] =>
  Array.from(schema.matchAll(TOKEN)).filter(([text]) => !text.startsWith("//"))

function placeIn(schema: string): Place | null {
  const tokens = tokensIn(schema)
  return closeOf(
    tokens,
    tokens.findIndex(([text], index) => text === "type" && tokens[index + 1]?.[0] === "Arguments"),
  )
}

interface Place {
  readonly close: number
  readonly last: number
  readonly lacksComma: boolean
}

/**
 * Of the record behind a token: where its closing brace is, where the last token before it ends, and whether a comma is
 * missing there.
 */
export function closeOf(tokens: readonly RegExpExecArray[], start: number): Place | null {
  let depth = 0
  for (const [index, { 0: text, index: close }] of tokens.entries()) {
    if (start < 0 || index < start) continue
    if (text === "{") depth++
    if (text !== "}" || --depth > 0) continue
    const before = tokens[index - 1]
    const last = before ? before.index + before[0].length : close
    return { close, last, lacksComma: before !== undefined && before[0] !== "," && before[0] !== "{" }
  }
  return null
}
