/**
 * Cuts values that a caller can make long, by the bytes of their JSON: an escape turns one character into six bytes.
 */
import { byteLength, fits } from "../../encoding/bytes.ts"
import { isObject } from "../../encoding/json.ts"

const MAX_TEXT_BYTES = 256
export const MAX_SHOWN = 32

type Members = Readonly<Record<string, unknown>>

/** Returns the same value if nothing in it is long. */
export function shortened(value: unknown): unknown {
  if (typeof value === "string") return shortText(value)
  if (Array.isArray(value)) return unlessSame(value, shortList(value).map(shortened))
  return isObject(value) ? shortMembers(value, shortened) : value
}

/**
 * Does the same for arguments, whose structure the caller chooses: a value that is long as a whole becomes its JSON
 * text.
 */
export function shortArguments(values: Members): Members {
  return shortMembers(values, (value) => {
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
  const entries = shortList(all).map(([name, value]): [string, unknown] => [shortText(name), short(value)])
  const isSame =
    entries.length === all.length && all.every(([name, value], at) => same([name, value], entries[at] ?? []))
  return isSame ? members : Object.fromEntries(entries)
}

function unlessSame(list: readonly unknown[], short: readonly unknown[]): readonly unknown[] {
  return same(list, short) ? list : short
}

function same(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((value, at) => value === other[at])
}

/** A character takes at most six bytes. */
function isShort(text: string): boolean {
  return text.length * 6 <= MAX_TEXT_BYTES || (text.length <= MAX_TEXT_BYTES && bytesOf(text) - 2 <= MAX_TEXT_BYTES)
}

export const bytesOf = (value: unknown): number => byteLength(JSON.stringify(value))

/** Returns as many whole characters as fit into so many bytes, without quotes, followed by the original length. */
export function cutText(text: string, bytes: number): string {
  let [length, taken] = [0, 0]
  for (const character of text) {
    taken += bytesOf(character) - 2
    if (taken > bytes) break
    length += character.length
  }
  const was = CUT_MARK.exec(text)?.[1] ?? text.length
  return `${text.slice(0, length)}… (${was} characters)`
}

/** A text that was cut states its length before that. */
export const CUT_MARK = /… \((\d{1,10}) characters\)$/
export const MARK_BYTES = 32
