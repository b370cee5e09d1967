/**
 * Cuts a record that is too long as a whole: its longest values first, and as little as possible, so that no caller can
 * empty a record by what they put into it. Fields that identify the call are never cut.
 */
import { isObject } from "../encoding/json.ts"
import { CUT_IF_TOO_LONG } from "./fields.ts"
import { bytesOf, cutText, MARK_BYTES } from "./fields/truncation.ts"

type Members = Readonly<Record<string, unknown>>

/** A comma and a colon. */
const PUNCTUATION = 2
/** The names of all fields that can be cut, in `cut`. */
const CUT_BYTES = 160

/**
 * @returns a record whose JSON has at most so many bytes, unless fields that are never cut are longer; `cut` names the
 *   fields that lost something
 */
export function fitted(record: Members, bytes: number): Members {
  const sizes: number[] = []
  mapParts(record, (name, value) => {
    sizes.push(sizeOf(name, value))
    return value
  })
  const fixed = bytesOf(record) - sizes.reduce((sum, size) => sum + size, 0)
  const level = levelFor(sizes, bytes - fixed - CUT_BYTES)
  const cut = mapParts(record, (name, value) =>
    sizeOf(name, value) <= level ? value : cutTo(value, level - sizeOf(name)),
  )
  const before = Array.isArray(record["cut"]) ? record["cut"].map(String) : []
  const lost = Object.keys(record).filter((name) => JSON.stringify(record[name]) !== JSON.stringify(cut[name]))
  return { ...cut, cut: [...new Set([...before, ...lost])] }
}

const sizeOf = (name: string, value?: unknown): number =>
  bytesOf(name) + PUNCTUATION + (value === undefined ? 0 : bytesOf(value))

/** Returns the size to which all longer values are cut, while the others keep theirs. */
function levelFor(sizes: readonly number[], bytes: number): number {
  let left = Math.max(0, bytes)
  for (const [at, size] of sizes.toSorted((a, b) => a - b).entries()) {
    const share = Math.floor(left / (sizes.length - at))
    if (size > share) return share
    left -= size
  }
  return Infinity
}

/** @param replace returns what is left of a part. Undefined if nothing is. */
function mapParts(record: Members, replace: (name: string, value: unknown) => unknown): Members {
  return mapMembers(record, (name, value) => {
    // A name that is no field belongs to a record within the record, which has fields again.
    const cut = CUT_IF_TOO_LONG.get(name) ?? "record"
    if (cut === "whole") return replace(name, value)
    if (!isObject(value) || cut === "never") return value
    if (cut === "record") return mapParts(value, replace)
    return mapMembers(value, (inner, part) => (name === "denial" && inner === "reason" ? part : replace(inner, part)))
  })
}

function mapMembers(members: Members, replace: (name: string, value: unknown) => unknown): Members {
  const parts = Object.entries(members).flatMap(([name, value]): [string, unknown][] => {
    const part = replace(name, value)
    return part === undefined ? [] : [[name, part]]
  })
  return Object.fromEntries(parts)
}

/** Returns the beginning of a value, in at most so many bytes. Undefined if nothing fits. */
function cutTo(value: unknown, bytes: number): unknown {
  if (typeof value === "string") return bytes < MARK_BYTES * 2 ? undefined : cutText(value, bytes - MARK_BYTES)
  if (bytes < PUNCTUATION) return undefined
  if (Array.isArray(value)) return within(value, bytes, (item) => bytesOf(item) + 1)
  if (!isObject(value)) return undefined
  return Object.fromEntries(within(Object.entries(value), bytes, ([name, inner]) => sizeOf(name, inner)))
}

/** Returns as many of the first items as fit, brackets included. */
function within<Item>(list: readonly Item[], bytes: number, size: (item: Item) => number): readonly Item[] {
  let left = bytes - PUNCTUATION
  const end = list.findIndex((item) => (left -= size(item)) < 0)
  return end < 0 ? list : list.slice(0, end)
}
