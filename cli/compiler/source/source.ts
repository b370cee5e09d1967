/**
 * One YAML or JSON file of `policies/`: its value, and where in the text each part of it stands, so that every problem
 * names the line and column of the very node that is wrong.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Document, type Node } from "yaml"
import { parseExactly } from "./exact-json.ts"
import type { Position } from "./position.ts"
import type { Problem } from "./problem.ts"

export type Path = readonly (string | number)[]

export interface Source<Value> {
  readonly file: string
  readonly value: Value
  place(path: Path): Pick<Problem, "file" | "line" | "column">
  /** A problem at the value that `path` leads to, or at the deepest part of it that exists. */
  error(path: Path, message: string, fix: string): Problem
  warning(path: Path, message: string, fix: string): Problem
  /** A problem at the key that `path` ends in. */
  keyError(path: Path, message: string, fix: string): Problem
}

export interface ParsedText {
  readonly source: Source<unknown>
  /** What prevents the text from being one plain document; the value is then meaningless. */
  readonly problems: readonly Problem[]
}

/** Aliases of aliases can make a small file huge. */
const MAX_ALIASES = 100

const SYNTAX_MENDS: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: "Keep one of the two; the other would be ignored.",
  MULTIPLE_DOCS: "Keep one document: remove the line `---`.",
  TAB_AS_INDENT: "Indent with spaces.",
  MULTILINE_IMPLICIT_KEY: "Write `key: value`: behind a key stands a colon, and a space.",
  BAD_INDENT: "Line this up with the entries beside it.",
}

export function parseYaml(file: string, text: string): ParsedText {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const problems = [...document.errors, ...document.warnings].map((issue): Problem => {
    const { line, col } = lines.linePos(issue.pos[0])
    const fix = SYNTAX_MENDS[issue.code] ?? "Correct the YAML here."
    return { file, line, column: col, severity: "error", message: issue.message, fix }
  })
  problems.push(...poisonedKeys(document, file, lines))
  const nothing = locate(file, undefined, document, lines)
  if (problems.length > 0) return { source: nothing, problems }
  try {
    return { source: { ...nothing, value: document.toJS({ maxAliasCount: MAX_ALIASES }) }, problems }
  } catch (failure) {
    const message = failure instanceof Error ? failure.message : "this cannot be read"
    return { source: nothing, problems: [nothing.error([], message, "Write out what the aliases stand for.")] }
  }
}

/** The JSON parser reads JSON; the YAML parser, whose language includes it, gives the positions. */
export function parseJson(file: string, text: string): ParsedText {
  const { source, problems } = parseYaml(file, text)
  try {
    return { source: { ...source, value: parseExactly(text) }, problems }
  } catch (failure) {
    const message = failure instanceof Error ? failure.message : "not JSON"
    const [, line, column] = / \(line (\d+) column (\d+)\)$/u.exec(message) ?? []
    const place = { file, line: Number(line ?? 1), column: Number(column ?? 1) }
    return { source, problems: [{ ...place, severity: "error", message, fix: "Correct the JSON here." }] }
  }
}

/** A file that does not exist, if it may be missing. */
export function absent<Value>(file: string, value: Value): Source<Value> {
  return locate(file, value, parseDocument(""), new LineCounter())
}

function locate<Value>(file: string, value: Value, document: Document, lines: LineCounter): Source<Value> {
  const place = (path: Path, part: "key" | "value") => {
    const [start = 0, end] = nodeAt(document, path, part)?.range ?? []
    const [from, to] = [positionOf(lines, start), end === undefined ? undefined : positionOf(lines, end)]
    return { file, ...from, ...(to && { end: to }) }
  }
  return {
    file,
    value,
    place: (path) => place(path, "value"),
    error: (path, message, fix) => ({ ...place(path, "value"), severity: "error", message, fix }),
    warning: (path, message, fix) => ({ ...place(path, "value"), severity: "warning", message, fix }),
    keyError: (path, message, fix) => ({ ...place(path, "key"), severity: "error", message, fix }),
  }
}

function positionOf(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

function nodeAt(document: Document, path: Path, part: "key" | "value"): Node | null {
  let node: Node | null = document.contents
  for (const [depth, step] of path.entries()) {
    const holder: Node | null | undefined = isAlias(node) ? node.resolve(document) : node
    const child = childOf(holder, step)
    if (!child) return node
    const wanted = depth === path.length - 1 && part === "key" ? child.key : child.value
    node = wanted ?? child.key ?? node
  }
  return node
}

function childOf(holder: Node | null | undefined, step: string | number): { key?: Node; value?: Node } | undefined {
  if (isSeq<Node>(holder) && typeof step === "number") {
    const value = holder.items[step]
    return value && { value }
  }
  if (!isMap<Node, Node | null>(holder)) return undefined
  const pair = holder.items.find(({ key }) => isScalar(key) && String(key.value) === String(step))
  return pair && { key: pair.key, ...(pair.value && { value: pair.value }) }
}

// `__proto__` vanishes when objects are copied: a bound under that name would silently not hold.
function poisonedKeys(document: Document, file: string, lines: LineCounter): Problem[] {
  const problems: Problem[] = []
  const walk = (node: unknown): void => {
    if (isSeq(node)) node.items.forEach(walk)
    if (!isMap(node)) return
    for (const { key, value } of node.items) {
      walk(value)
      if (!isScalar(key) || key.value !== "__proto__") continue
      const { line, col } = lines.linePos(key.range?.[0] ?? 0)
      const message = "`__proto__` cannot be a key"
      problems.push({ file, line, column: col, severity: "error", message, fix: "Use another name." })
    }
  }
  walk(document.contents)
  return problems
}
