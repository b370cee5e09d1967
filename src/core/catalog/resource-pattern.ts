/**
 * Which entry of the catalog a resource of an MCP server is: patterns such as `db://tables/{table}` and
 * `file:///notes/{+path}`. A literal segment takes precedence over a parameter, and that over the rest of the path,
 * whatever their order in the catalog.
 */
import { UNSEEN } from "../encoding/display-text.ts"
import { foldCase } from "../encoding/name-folding.ts"
import { readResourceUri } from "./resource-uri.ts"
import { looseReadings } from "./route.ts"

export interface ResourceEntry {
  readonly tool: string
  /** `{name}` is one whole, non-empty segment, `{+name}` at the end all further ones; each becomes an argument. */
  readonly pattern: string
}

/** One segment of a pattern: as written and decoded, or the argument that it is. */
type Part =
  | { readonly kind: "literal"; readonly text: string; readonly folded: string }
  | { readonly kind: "parameter" | "rest"; readonly name: string }

export interface ResourcePattern {
  readonly frame: string
  readonly parts: readonly Part[]
}

const PARAMETER = /^\{(\+?)([A-Za-z_][A-Za-z0-9_]*)\}$/
const HEAD = /^([^:]*:(?:\/\/)?)(.*)$/
/** The argument that is the whole URI. */
export const URI_ARGUMENT = "uri"

/** @returns or an objection, in words that follow "it" */
export function readResourcePattern(pattern: string): ResourcePattern | { readonly objection: string } {
  // Parameters are whole segments, and stand for text of which a URI can consist.
  const [, head = "", rest = ""] = HEAD.exec(pattern) ?? []
  const [body = ""] = rest.split(/[?#]/, 1)
  const tail = rest.slice(body.length)
  const written = body.split("/")
  const uri = readResourceUri(head + written.map((part) => (PARAMETER.test(part) ? "x" : part)).join("/") + tail)
  if ("objection" in uri) return uri
  const parts = written.map((text, index): Part => {
    const [, plus, name] = PARAMETER.exec(text) ?? []
    if (name === undefined) return { kind: "literal", text, folded: plainText(uri.decoded[index] ?? "") }
    return { kind: plus === "" ? "parameter" : "rest", name }
  })
  if (parts.slice(0, -1).some(({ kind }) => kind === "rest"))
    return { objection: "has a `{+name}` that is not its end" }
  const names = [URI_ARGUMENT, ...namesIn(parts)]
  if (new Set(names).size < names.length) return { objection: "names an argument twice, or one `uri`" }
  return { frame: uri.frame, parts }
}

function namesIn(parts: readonly Part[]): readonly string[] {
  return parts.flatMap((part) => (part.kind === "literal" ? [] : [part.name]))
}

/** The arguments of a call of an entry with this pattern. */
export function argumentsOfPattern(pattern: string): readonly string[] {
  const read = readResourcePattern(pattern)
  return "objection" in read ? [] : [URI_ARGUMENT, ...namesIn(read.parts)]
}

interface Compiled extends ResourcePattern {
  readonly tool: string
}

/** By frame; the most specific first. */
type ResourceTable = ReadonlyMap<string, readonly Compiled[]>

export type MatchedResource =
  | { readonly tool: string; readonly values: Readonly<Record<string, string>> }
  | { readonly objection: string }

/** @returns null if no entry matches */
export function matchResource(entries: readonly ResourceEntry[], text: string): MatchedResource | null {
  const uri = readResourceUri(text)
  if ("objection" in uri) return uri
  const { frame, segments, decoded } = uri
  const candidates = tableOf(entries).get(frame) ?? []
  const isExact = ({ text: literal }: { readonly text: string }, index: number): boolean => literal === segments[index]
  const match = candidates.find(({ parts }) => covers(parts, segments, isExact))
  if (!match) return null
  if (frame.includes("//") && match.parts[0]?.kind !== "literal" && segments[0]?.includes(":")) {
    return { objection: "has a port where a name is expected" }
  }
  // As of routes: a value may be the literal of another entry to some readers.
  const isAlike = (part: Part & { readonly kind: "literal" }, index: number): boolean =>
    isExact(part, index) ||
    (partAt(match.parts, index)?.kind !== "literal" && readingsOf(decoded[index] ?? "").includes(part.folded))
  if (
    candidates.some(
      ({ tool, parts }) => tool !== match.tool && covers(parts, segments, isAlike) && !covers(parts, segments, isExact),
    )
  ) {
    return { objection: "is another entry's to some readers" }
  }
  const values = match.parts.flatMap((part, index): [string, string][] => {
    if (part.kind === "literal") return []
    return [[part.name, part.kind === "rest" ? decoded.slice(index).join("/") : (decoded[index] ?? "")]]
  })
  return { tool: match.tool, values: Object.fromEntries([[URI_ARGUMENT, text], ...values]) }
}

/** As of a path; and a database finds what is quoted, and in one of its schemas (`public."orders"`). */
function readingsOf(text: string): readonly string[] {
  const plain = plainText(text)
  const name = plain.replace(/^.*\.(?=.)/, "").replaceAll(/^["'`]+|["'`]+$/g, "")
  return [plain, name].flatMap(looseReadings)
}

/**
 * As collations of databases compare: letters of each width, case and accent alike (MySQL's default). A file system too
 * may leave out what nobody sees (HFS+, CVE-2014-9390).
 */
function plainText(text: string): string {
  return foldCase(foldCase(text).normalize("NFKD").replaceAll(MARKS, "").replaceAll(UNSEEN, ""))
}
const MARKS = /\p{M}/gu

/** A rest stands for each further segment. */
function partAt(parts: readonly Part[], index: number): Part | undefined {
  const last = parts.at(-1)
  return index >= parts.length && last?.kind === "rest" ? last : parts[index]
}

function covers(
  parts: readonly Part[],
  segments: readonly string[],
  isLiteral: (part: Part & { readonly kind: "literal" }, index: number) => boolean,
): boolean {
  return (
    segments.length >= parts.length &&
    segments.every((segment, index) => {
      const part = partAt(parts, index)
      if (!part) return false
      return part.kind === "literal" ? isLiteral(part, index) : segment !== ""
    })
  )
}

/**
 * Returns the entry of a resource template (RFC 6570) as a server lists it, whose resources are of that entry or of more
 * specific ones; null if there is none.
 */
export function entryOfTemplate(entries: readonly ResourceEntry[], template: string): string | null {
  const [, head = "", body = ""] = HEAD.exec(template.replace(/\{\?[^{}]*\}$/, "")) ?? []
  // A segment of which only a part is variable is one segment nevertheless, and a query may be left out.
  const segments = body.split("/").map((part, index) => (PARTLY_VARIABLE.test(part) ? `{part${index}}` : part))
  const read = readResourcePattern(severalSegments(head + segments.join("/")))
  return "objection" in read ? null : entryOfPattern(entries, read)
}

const PARTLY_VARIABLE = /^(?!\{\w+\}$)(?:[^{}]*\{\w+\})+[^{}]*$/

/** Returns the most specific entry that matches whatever the pattern matches. */
export function entryOfPattern(entries: readonly ResourceEntry[], { frame, parts }: ResourcePattern): string | null {
  const isCovered = (own: readonly Part[]): boolean =>
    parts.length >= own.length &&
    parts.every((part, index) => {
      const covering = partAt(own, index)
      if (!covering) return false
      if (part.kind === "literal") return covering.kind === "literal" ? part.text === covering.text : part.text !== ""
      return covering.kind === "rest" || (covering.kind === "parameter" && part.kind === "parameter")
    })
  const found = tableOf(entries)
    .get(frame)
    ?.find((entry) => isCovered(entry.parts))
  return found ? found.tool : null
}

/**
 * Writes a template of a server as a pattern: `{path*}`, which some servers read as several segments, as `{+path}`. Null
 * if a pattern cannot say what the template says.
 */
export function patternOfTemplate(template: string): string | null {
  const pattern = severalSegments(template)
  return "objection" in readResourcePattern(pattern) ? null : pattern
}

const severalSegments = (template: string): string => template.replaceAll(/\{(\w+)\*\}/g, "{+$1}")

/** Entries belong to a bundle, and are matched again and again. */
const tables = new WeakMap<readonly ResourceEntry[], ResourceTable>()

function tableOf(entries: readonly ResourceEntry[]): ResourceTable {
  let table = tables.get(entries)
  if (!table) {
    const compiled = entries.flatMap(({ tool, pattern }): Compiled[] => {
      const read = readResourcePattern(pattern)
      // The build refuses such a catalog.
      if ("objection" in read) throw new Error(`the pattern ${pattern} ${read.objection}`)
      return [{ tool, ...read }]
    })
    table = Map.groupBy(
      compiled.toSorted((a, b) => compare(a.parts, b.parts)),
      ({ frame }) => frame,
    )
    tables.set(entries, table)
  }
  return table
}

const RANKS = { literal: 0, parameter: 1, rest: 2 } as const

/** The build refuses two that match the same URI unless one of them is more specific at each place that differs. */
function compare(a: readonly Part[], b: readonly Part[]): number {
  const rank = (parts: readonly Part[], index: number): number => RANKS[partAt(parts, index)?.kind ?? "literal"]
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = rank(a, index) - rank(b, index)
    if (difference !== 0) return difference
  }
  return 0
}
