/**
 * Records cut to size, by the bytes of their JSON: an escape makes one character six bytes. First each value that a
 * caller can make long; then, where a record is still too long as a whole, its longest values first and as little as
 * will do, so that nobody can empty a record by what they put into it. What says which call it was is never cut.
 */
import { byteLength, fits } from "../encoding/bytes.ts"
import { isObject } from "../encoding/json.ts"

const MAX_TEXT_BYTES = 256
export const MAX_SHOWN = 32

type Members = Readonly<Record<string, unknown>>

/** As it is, where nothing in it is long. */
export function shortened(value: unknown): unknown {
  if (typeof value === "string") return shortText(value)
  if (Array.isArray(value)) return unlessSame(value, shortList(value).map(shortened))
  return isObject(value) ? shortMembers(value, shortened) : value
}

/** The same of arguments, whose shape is the caller's: what is long in all is told as its JSON. */
export function shortArguments(shown: Members): Members {
  return shortMembers(shown, (value) => {
    if (typeof value === "string") return shortText(value)
    const json = JSON.stringify(value)
    return fits(json, MAX_TEXT_BYTES) ? value : shortText(json)
  })
}

export function shortText(text: string): string {
  return isShort(text) ? text : cutText(text, MAX_TEXT_BYTES)
}

export function shortList<Item>(list: readonly Item[]): readonly Item[] {
  return list.length <= MAX_SHOWN ? list : list.slice(0, MAX_SHOWN)
}

function shortMembers(members: Members, short: (value: unknown) => unknown): Members {
  const all = Object.entries(members)
  const kept = shortList(all).map(([name, value]): [string, unknown] => [shortText(name), short(value)])
  const isSame = kept.length === all.length && all.every(([name, value], at) => same([name, value], kept[at] ?? []))
  return isSame ? members : Object.fromEntries(kept)
}

function unlessSame(list: readonly unknown[], short: readonly unknown[]): readonly unknown[] {
  return same(list, short) ? list : short
}

function same(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((value, at) => value === other[at])
}

/** No character takes more than six bytes. */
function isShort(text: string): boolean {
  return text.length * 6 <= MAX_TEXT_BYTES || (text.length <= MAX_TEXT_BYTES && bytesOf(text) - 2 <= MAX_TEXT_BYTES)
}

const bytesOf = (value: unknown): number => byteLength(JSON.stringify(value))

/** Whole characters of it that take so many bytes, without quotes, and how long it was. */
function cutText(text: string, bytes: number): string {
  let [kept, taken] = [0, 0]
  for (const character of text) {
    taken += bytesOf(character) - 2
    if (taken > bytes) break
    kept += character.length
  }
  const was = MARK.exec(text)?.[1] ?? text.length
  return `${text.slice(0, kept)}… (${was} characters)`
}

/** What has been cut before says how long it was then. */
const MARK = /… \((\d{1,10}) characters\)$/
const MARK_BYTES = 32

/** Cut as one value each … */
const WHOLE: ReadonlySet<string> = new Set(["path", "scope", "groups", "rules", "windows", "labels"])
/** … or member by member. */
const IN_PARTS: ReadonlySet<string> = new Set(["arguments", "facts", "denial"])
/** Here are some of those again. */
const NESTED: ReadonlySet<string> = new Set(["candidate", "differs"])

/** A comma, a colon; and the names of all fields that can be cut. */
const PUNCTUATION = 2
const CUT_BYTES = 160

/**
 * @returns one whose JSON has at most so many bytes, as far as what can be cut makes it longer; `cut` names the fields
 * that lost something
 */
export function fitted(record: Members, bytes: number): Members {
  const sizes: number[] = []
  mapParts(record, (name, value) => {
    sizes.push(sizeOf(name, value))
    return value
  })
  const fixed = bytesOf(record) - sizes.reduce((sum, size) => sum + size, 0)
  const level = levelFor(sizes, bytes - fixed - CUT_BYTES)
  const told = mapParts(record, (name, value) =>
    sizeOf(name, value) <= level ? value : cutTo(value, level - sizeOf(name)),
  )
  const before = Array.isArray(record["cut"]) ? record["cut"].map(String) : []
  const lost = Object.keys(record).filter((name) => JSON.stringify(record[name]) !== JSON.stringify(told[name]))
  return { ...told, cut: [...new Set([...before, ...lost])] }
}

const sizeOf = (name: string, value?: unknown): number =>
  bytesOf(name) + PUNCTUATION + (value === undefined ? 0 : bytesOf(value))

/** The size that all may have that are longer, the others having theirs. */
function levelFor(sizes: readonly number[], bytes: number): number {
  let left = Math.max(0, bytes)
  for (const [at, size] of sizes.toSorted((a, b) => a - b).entries()) {
    const share = Math.floor(left / (sizes.length - at))
    if (size > share) return share
    left -= size
  }
  return Infinity
}

/** @param told what is told of a part; undefined: nothing */
function mapParts(record: Members, told: (name: string, value: unknown) => unknown): Members {
  return mapMembers(record, (name, value) => {
    if (WHOLE.has(name)) return told(name, value)
    if (!isObject(value)) return value
    if (NESTED.has(name)) return mapParts(value, told)
    if (!IN_PARTS.has(name)) return value
    return mapMembers(value, (inner, part) => (name === "denial" && inner === "reason" ? part : told(inner, part)))
  })
}

function mapMembers(members: Members, told: (name: string, value: unknown) => unknown): Members {
  const kept = Object.entries(members).flatMap(([name, value]): [string, unknown][] => {
    const part = told(name, value)
    return part === undefined ? [] : [[name, part]]
  })
  return Object.fromEntries(kept)
}

/** The beginning of it, in so many bytes at most; undefined where there is no telling any of it. */
function cutTo(value: unknown, bytes: number): unknown {
  if (typeof value === "string") return bytes < MARK_BYTES * 2 ? undefined : cutText(value, bytes - MARK_BYTES)
  if (bytes < PUNCTUATION) return undefined
  if (Array.isArray(value)) return within(value, bytes, (item) => bytesOf(item) + 1)
  if (!isObject(value)) return undefined
  return Object.fromEntries(within(Object.entries(value), bytes, ([name, inner]) => sizeOf(name, inner)))
}

/** As many of the first as there is room for, brackets included. */
function within<Item>(list: readonly Item[], bytes: number, size: (item: Item) => number): readonly Item[] {
  let left = bytes - PUNCTUATION
  const end = list.findIndex((item) => (left -= size(item)) < 0)
  return end < 0 ? list : list.slice(0, end)
}
