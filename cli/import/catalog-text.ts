/**
 * Changes the text of catalog.yaml in single places. A document that is parsed and written out again loses blank lines,
 * alignment and quotes; here every byte stays that no change concerns. The parser says where each part stands.
 */
import {
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  stringify,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
  type YAMLSeq,
} from "yaml"
import { Failure } from "../terminal/failure.ts"
import { spliced, unifiedDiff, type Splice } from "./text-edits.ts"

/** Written on one line. */
type Inline = string | number | boolean | readonly string[]

/** The lines of an entry below its list, the first of them with its dash. */
export type Lines = readonly string[]

interface Located {
  readonly map: YAMLMap<Node, Node | null>
  /** Offset of the dash. */
  readonly dash: number
}

type List = "servers" | "tools"

/** A comment on such a line is a heading of what follows it, not a comment on the next entry. */
const HEADING = /[-=#*~_]{3,}/u

export class CatalogText {
  readonly #text: string
  readonly #newline: string
  readonly #document: Document
  readonly #splices: Splice[] = []
  readonly #removed = new Map<List, Set<number>>()
  readonly #added = new Map<List, { at: number; lines: string[] }[]>()

  constructor(text: string) {
    this.#text = text
    this.#newline = text.includes("\r\n") ? "\r\n" : "\n"
    this.#document = parseDocument(text, { keepSourceTokens: true, prettyErrors: false })
    const root = this.#document.contents
    if (isMap(root) && root.flow) throw bracketed("the catalog")
  }

  /** Sets a field of the entry at `index`; with `below`, a field of the map under that key. */
  set(list: List, index: number, key: string, value: Inline, comment?: string, below?: string): void {
    const { map } = this.#entry(list, index)
    const holder = below === undefined ? map : pairOf(map, below)?.value
    if (!isMap<Node, Node | null>(holder)) throw aliased(list, index)
    const pair = pairOf(holder, key)
    const written = inline(value, holder.flow === true)
    if (pair?.value) this.#replace(pair.value, written, holder.flow ? undefined : comment)
    else this.#append(holder, `${key}: ${written}`, comment)
  }

  /** Returns the comment after the value that the entry at `index` has under `key`, without `#`. */
  commentOf(list: List, index: number, key: string): string {
    const { map } = this.#entry(list, index)
    const value = pairOf(map, key)?.value
    if (!value?.range || map.flow) return ""
    return /^\s*#(.*)$/u.exec(this.#text.slice(value.range[1], this.#endOfLine(value.range[1])))?.[1] ?? ""
  }

  /** Adds an entry after the one at `after`, or at the end of the list; `lines` have no indentation. */
  add(list: List, after: number | undefined, lines: Lines): void {
    const items = this.#items(list)
    const at = after ?? items.length - 1
    const groups = this.#added.get(list) ?? []
    const group = groups.find((each) => each.at === at)
    const indent = " ".repeat(this.#indentOf(list))
    const text = lines.map((line) => (line === "" ? line : indent + line))
    if (group) group.lines.push(...text)
    else this.#added.set(list, [...groups, { at, lines: text }])
  }

  /** Removes an entry, with the comment lines directly above it. */
  remove(list: List, index: number): void {
    const removed = this.#removed.get(list) ?? new Set<number>()
    this.#removed.set(list, removed.add(index))
    const { map, dash } = this.#entry(list, index)
    let start = this.#startOfLine(dash)
    while (start > 0) {
      const above = this.#startOfLine(start - 1)
      const line = this.#text.slice(above, start)
      if (!/^\s*#/u.test(line) || HEADING.test(line)) break
      start = above
    }
    let end = this.#afterLine(endOf(map))
    // One of the blank lines around it stays.
    const blankAbove = start === 0 || /^\s*$/u.test(this.#text.slice(this.#startOfLine(start - 1), start))
    const below = this.#text.slice(end, this.#afterLine(end))
    if (blankAbove && below !== "" && /^\s*$/u.test(below)) end += below.length
    this.#splices.push({ at: start, remove: end - start, insert: "" })
  }

  /** Returns the text with all changes, and the changes as a diff of `file`. Call it once. */
  result(file: string): { readonly text: string; readonly diff: string } {
    const lists: readonly List[] = ["servers", "tools"]
    // A list that does not exist yet begins after everything that is inserted.
    for (const list of lists.toSorted((a, b) => Number(!this.#pair(a)) - Number(!this.#pair(b)))) this.#fill(list)
    return { text: spliced(this.#text, this.#splices), diff: unifiedDiff(file, this.#text, this.#splices) }
  }

  #fill(list: List): void {
    const groups = this.#added.get(list) ?? []
    const removed = this.#removed.get(list)
    const count = this.#items(list).length
    const isEmptied = count > 0 && removed?.size === count
    if (isEmptied && groups.length === 0) this.#splices.push({ at: this.#behindKey(list), remove: 0, insert: " []" })
    for (const { at, lines } of groups) {
      const block = lines.join(this.#newline)
      let end = at
      while (removed?.has(end)) end--
      if (count === 0) this.#begin(list, block)
      else this.#insertBelow(end < 0 ? this.#behindKey(list) : endOf(this.#entry(list, end).map), block)
    }
  }

  /** Adds the list's first entries, whether it is written `[]` or not at all. */
  #begin(list: List, block: string): void {
    const pair = this.#pair(list)
    if (!pair) {
      const end = this.#text.length
      const gap = this.#text === "" || this.#text.endsWith("\n") ? "" : this.#newline
      this.#splices.push({
        at: end,
        remove: 0,
        insert: `${gap}${this.#newline}${list}:${this.#newline}${block}${this.#newline}`,
      })
      return
    }
    const [start, end] = pair.value?.range ?? [endOf(pair.key), endOf(pair.key)]
    const blank = /[ \t]*$/u.exec(this.#text.slice(0, start))?.[0].length ?? 0
    this.#splices.push({ at: start - blank, remove: end - start + blank, insert: "" })
    this.#insertBelow(end, block)
  }

  #behindKey(list: List): number {
    const pair = this.#pair(list)
    return pair ? this.#text.indexOf(":", endOf(pair.key)) + 1 : 0
  }

  #insertBelow(offset: number, block: string): void {
    const at = this.#afterLine(offset)
    const gap = at > 0 && this.#text[at - 1] !== "\n" ? this.#newline : ""
    this.#splices.push({ at, remove: 0, insert: `${gap}${block}${this.#newline}` })
  }

  #replace(value: Node, written: string, comment: string | undefined): void {
    const [start, end] = value.range ?? [0, 0]
    const rest = this.#text.slice(end, this.#endOfLine(end))
    const isOurs = comment !== undefined && (rest.trim() === "" || /^\s*# of description /u.test(rest))
    const remark = isOurs ? ` # ${comment}` : ""
    this.#splices.push({ at: start, remove: end - start + (isOurs ? rest.length : 0), insert: written + remark })
  }

  #append(map: YAMLMap<Node, Node | null>, field: string, comment: string | undefined): void {
    const last = map.items.at(-1)
    const end = last ? endOf(last.value ?? last.key) : endOf(map)
    if (map.flow) {
      this.#splices.push({ at: end, remove: 0, insert: `, ${field}` })
      return
    }
    const first = map.items[0]?.key.range?.[0] ?? 0
    const indent = " ".repeat(first - this.#startOfLine(first))
    this.#insertBelow(end, `${indent}${field}${comment === undefined ? "" : ` # ${comment}`}`)
  }

  #pair(list: List): Pair<Node, Node | null> | undefined {
    const root = this.#document.contents
    return isMap<Node, Node | null>(root) ? pairOf(root, list) : undefined
  }

  #seq(list: List): YAMLSeq | undefined {
    const value = this.#pair(list)?.value
    if (!isSeq(value)) return undefined
    if (value.flow && value.items.length > 0) throw bracketed(`\`${list}\``)
    return value
  }

  #items(list: List): readonly unknown[] {
    return this.#seq(list)?.items ?? []
  }

  #entry(list: List, index: number): Located {
    const seq = this.#seq(list)
    const map = seq?.items[index]
    if (!isMap<Node, Node | null>(map)) throw aliased(list, index)
    return { map, dash: dashOf(seq, index) }
  }

  #indentOf(list: List): number {
    const seq = this.#seq(list)
    if (!seq || seq.items.length === 0) return 2
    const dash = dashOf(seq, 0)
    return dash - this.#startOfLine(dash)
  }

  #startOfLine(offset: number): number {
    return this.#text.lastIndexOf("\n", offset - 1) + 1
  }

  /** Before the line break. */
  #endOfLine(offset: number): number {
    const end = this.#afterLine(offset)
    return end - (/\r?\n$/u.exec(this.#text.slice(Math.max(0, end - 2), end))?.[0].length ?? 0)
  }

  /** The offset after the line break of the line that contains `offset`. */
  #afterLine(offset: number): number {
    const end = this.#text.indexOf("\n", offset)
    return end < 0 ? this.#text.length : end + 1
  }
}

/** `key: value` as YAML writes it, on one line. */
export function field(key: string, value: Inline, comment?: string): string {
  return `${key}: ${inline(value, false)}${comment === undefined ? "" : ` # ${comment}`}`
}

function inline(value: Inline, inFlow: boolean): string {
  if (Array.isArray(value)) return `[${value.map((each) => inline(each, true)).join(", ")}]`
  // Within brackets, braces and commas would end a plain scalar.
  if (typeof value === "string" && inFlow && /[{}[\],]/u.test(value)) return JSON.stringify(value)
  return stringify(value, { lineWidth: 0 }).trimEnd()
}

function pairOf(map: YAMLMap<Node, Node | null>, key: string): Pair<Node, Node | null> | undefined {
  return map.items.find((pair) => isScalar(pair.key) && pair.key.value === key)
}

/** Where the last token of the node ends: a collection's own range includes the comments that follow. */
function endOf(node: Node): number {
  if (isMap<Node, Node | null>(node) && !node.flow) {
    const last = node.items.at(-1)
    if (last) return endOf(last.value?.range ? last.value : last.key)
  }
  if (isSeq<Node>(node) && !node.flow) {
    const last = node.items.at(-1)
    if (last?.range) return endOf(last)
  }
  const end = node.range?.[1] ?? 0
  // A block scalar ends after its line break.
  const isBlock = isScalar(node) && (node.type === "BLOCK_LITERAL" || node.type === "BLOCK_FOLDED")
  return isBlock ? end - 1 : end
}

function dashOf(seq: YAMLSeq | undefined, index: number): number {
  const token = seq?.srcToken
  const item = token?.type === "block-seq" ? token.items[index] : undefined
  return item?.start.find(({ type }) => type === "seq-item-ind")?.offset ?? 0
}

function bracketed(what: string): Failure {
  return new Failure(
    `${what} in catalog.yaml is written in brackets, which an import does not change`,
    "Write it in lines: `servers:` and `tools:`, and below them one entry each that begins with `- `.",
  )
}

function aliased(list: List, index: number): Failure {
  return new Failure(
    `\`${list}[${index}]\` in catalog.yaml is an alias, which an import does not change`,
    "Write out what it stands for.",
  )
}
