/**
 * A record that is too long as a whole, cut to size: its longest values first and as little as will do, so that nobody can
 * empty a record by what they put into it. What says which call it was is never cut.
 */
import { isObject } from "../encoding/json.ts"
import { CUT_IF_TOO_LONG } from "./fields.ts"
import { bytesOf, cutText, MARK_BYTES } from "./fields/truncation.ts"

type Members = Readonly<Record<string, unknown>>

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
    // What is no field is a part of a record in the record, which has fields again.
    const cut = CUT_IF_TOO_LONG.get(name) ?? "record"
    if (cut === "whole") return told(name, value)
    if (!isObject(value) || cut === "never") return value
    if (cut === "record") return mapParts(value, told)
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
