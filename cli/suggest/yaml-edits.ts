/** Changes of a YAML file at the places of its values, which leave everything else as it is written. */
import { isMap, isPair, isScalar, isSeq, parseDocument, type Document, type Node, type Pair } from "yaml"
import type { Path } from "../compiler/source/source.ts"
import type { Splice } from "../import/text-edits.ts"

export interface ListedLine {
  readonly text: string
  /** Null: none. */
  readonly comment: string | null
}

export class YamlText {
  readonly text: string
  readonly #document: Document

  constructor(text: string) {
    this.text = text
    this.#document = parseDocument(text)
  }

  /** Null if there is no such key. */
  list(path: Path, lines: readonly ListedLine[]): Splice | null {
    const pair = this.#pairAt(path)
    if (!pair) return null
    const indent = " ".repeat(this.#indentOf(pair.key) + 2)
    const items = lines.map(({ text, comment }) => `${indent}  ${text},${comment === null ? "" : ` # ${comment}`}\n`)
    return this.#replace(pair, `\n${indent}[\n${items.join("")}${indent}]`)
  }

  /** @param comment behind it, if it is alone in its line */
  value(path: Path, text: string, comment = ""): Splice | null {
    const pair = this.#pairAt(path)
    if (pair) {
      const end = pair.value ? this.#endOf(pair.value) : 0
      const holder = this.#nodeAt(path.slice(0, -1))
      const isAlone = comment !== "" && isMap(holder) && !holder.flow && /^ *(?:\n|$)/u.test(this.text.slice(end))
      return this.#replace(pair, ` ${text}${isAlone ? ` # ${comment}` : ""}`)
    }
    const node = this.#nodeAt(path)
    return node ? { at: startOf(node), remove: this.#endOf(node) - startOf(node), insert: text } : null
  }

  /**
   * Members of a map, before the one at this index.
   * @param text one in each line; in a map in one line, comments are left out
   */
  member(path: Path, text: string, before = 0): Splice | null {
    const node = this.#nodeAt(path)
    if (!isMap<Node, Node | null>(node)) return null
    const pair = node.items[Math.min(before, node.items.length - 1)]
    if (!pair) return null
    const at = startOf(pair.key)
    const column = this.#columnOf(at)
    if (node.flow) {
      const lines = text.split("\n").filter((line) => !line.startsWith("#"))
      return { at, remove: 0, insert: lines.map((line) => `${line}, `).join("") }
    }
    const indent = " ".repeat(column)
    const lines = text.replaceAll("\n", `\n${indent}`)
    const isLine = this.text.slice(at - column, at) === indent
    return isLine
      ? { at: at - column, remove: 0, insert: `${indent}${lines}\n` }
      : { at, remove: 0, insert: `${lines}\n${indent}` }
  }

  /** A line of comment above an item of a list that is written in lines. */
  comment(path: Path, text: string): Splice | null {
    const node = this.#nodeAt(path)
    if (!isMap(node) || node.flow) return null
    const at = this.text.lastIndexOf("\n", startOf(node) - 1) + 1
    const indent = this.text.slice(at).search(/\S/u)
    return { at, remove: 0, insert: `${" ".repeat(Math.max(0, indent))}# ${text}\n` }
  }

  /** An item behind the last one of a list that is written in lines. */
  item(path: Path, lines: readonly string[]): Splice | null {
    const node = this.#nodeAt(path)
    const [first] = isSeq<Node>(node) && !node.flow ? node.items : []
    if (!node || !first) return null
    const indent = " ".repeat(this.#columnOf(startOf(first)) - 2)
    const at = this.#endOf(node)
    return { at, remove: 0, insert: `\n\n${lines.map((line) => (line === "" ? "" : `${indent}${line}`)).join("\n")}` }
  }

  /** The same; the list is made at the end of the file if there is none. Null: it is written in one line. */
  itemOf(name: string, lines: readonly string[]): Splice | null {
    const item = this.item([name], lines)
    if (item || this.has([name])) return item
    const { text } = this
    const begin = text === "" ? "" : text.endsWith("\n") ? "\n" : "\n\n"
    const body = lines.map((line) => (line === "" ? "" : `  ${line}`)).join("\n")
    return { at: text.length, remove: 0, insert: `${begin}${name}:\n${body}\n` }
  }

  /** Takes an item out of a list, with its lines and the empty ones before it; with those behind it if it is the first. */
  without(path: Path): Splice | null {
    const node = this.#nodeAt(path)
    const list = this.#nodeAt(path.slice(0, -1))
    if (!node || !isSeq<Node>(list) || list.flow || list.items.length < 2) return null
    const begin = this.text.lastIndexOf("\n", startOf(node)) + 1
    const newline = this.text.indexOf("\n", this.#endOf(node))
    const end = newline < 0 ? this.text.length : newline + 1
    const [above = ""] = /\n(?:[ \t]*\n)+$/u.exec(this.text.slice(0, begin)) ?? []
    const [below = ""] = /^(?:[ \t]*\n)+/u.exec(this.text.slice(end)) ?? []
    const at = begin - Math.max(0, above.length - 1)
    const until = list.items[0] === node ? end + below.length : end
    return { at, remove: until - at, insert: "" }
  }

  /** The text of a value. */
  slice(path: Path): string | null {
    const node = this.#nodeAt(path)
    return node ? this.text.slice(startOf(node), this.#endOf(node)) : null
  }

  has(path: Path): boolean {
    return this.#nodeAt(path) !== null
  }

  isMap(path: Path): boolean {
    return isMap(this.#nodeAt(path))
  }

  #replace({ key, value }: Pair<Node, Node | null>, insert: string): Splice {
    // Behind the key there are a colon, and the value.
    const at = (key.range?.[1] ?? 0) + 1
    const before = this.text.slice(at, value ? this.#endOf(value) : at)
    // What is the same at the beginning of both stays, line by line.
    let same = 0
    for (let end = before.indexOf("\n"); end >= 0; end = before.indexOf("\n", end + 1)) {
      if (!insert.startsWith(before.slice(0, end + 1))) break
      same = end + 1
    }
    return { at: at + same, remove: before.length - same, insert: insert.slice(same) }
  }

  #pairAt(path: Path): Pair<Node, Node | null> | null {
    const holder = this.#nodeAt(path.slice(0, -1))
    if (!isMap<Node, Node | null>(holder)) return null
    return holder.items.find(({ key }) => isScalar(key) && key.value === path.at(-1)) ?? null
  }

  #nodeAt(path: Path): Node | null {
    if (path.length === 0) return this.#document.contents
    const node = this.#document.getIn(path, true)
    return isMap(node) || isSeq(node) || isScalar(node) ? node : null
  }

  /** A comment behind a list or a map in lines belongs to what follows it, though its range contains the comment. */
  #endOf(node: Node): number {
    const [start = 0, end = 0] = node.range ?? []
    const last =
      isMap<Node, Node | null>(node) || isSeq<Node>(node) ? (node.flow ? undefined : node.items.at(-1)) : undefined
    const inner = isPair(last) ? (last.value ?? last.key) : last
    return inner ? this.#endOf(inner) : start + this.text.slice(start, end).trimEnd().length
  }

  #columnOf(at: number): number {
    return at - (this.text.lastIndexOf("\n", at - 1) + 1)
  }

  /** Of the key, or of its line if something else comes before it there. */
  #indentOf(key: Node): number {
    const column = this.#columnOf(startOf(key))
    const before = this.text.slice(startOf(key) - column, startOf(key))
    return /^[\s-]*$/u.test(before) ? column : before.length - before.trimStart().length
  }
}

const startOf = (node: Node): number => node.range?.[0] ?? 0

/** YAML in one line; text that YAML would read otherwise is quoted. */
export function flow(value: unknown): string {
  if (typeof value === "string")
    return /^[A-Za-z][\w./:@-]*[\w]$/u.test(value) && !WORDS.test(value) ? value : JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`
  if (typeof value !== "object" || value === null) return JSON.stringify(value)
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `${flow(key)}: ${flow(inner)}`)
    .join(", ")} }`
}

/** They are no text in some version of YAML. */
const WORDS = /^(?:true|false|yes|no|on|off|null|[yn]|\.?(?:nan|inf))$/iu
