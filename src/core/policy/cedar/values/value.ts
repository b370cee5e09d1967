/**
 * Cedar's values (Cedar documentation, "Data types"): compared by structure, never by reference. Records are Maps: an
 * argument named `__proto__` or `constructor` is a name like any other.
 */
import type { Extension } from "./extension-value.ts"
import { decimalsOfMember, readDecimal, type Decimals } from "./json-number.ts"

export type Value = boolean | string | bigint | EntityRef | Extension | CedarSet | CedarRecord

export interface EntityRef {
  readonly kind: "entity"
  readonly type: string
  readonly id: string
  /** `Type::"id"`, the id JSON-escaped: unique for each entity, and its key in an EntityStore. */
  readonly key: string
}

export type CedarRecord = ReadonlyMap<string, Value>

/** No duplicates, no order. Made by `set()` only. */
export class CedarSet {
  readonly kind = "set"
  /** By `memberKey`, so that membership is one lookup whatever the size. */
  readonly members: ReadonlyMap<string, Value>

  constructor(members: ReadonlyMap<string, Value>) {
    this.members = members
  }

  get size(): number {
    return this.members.size
  }

  has(value: Value): boolean {
    return this.members.has(memberKey(value))
  }
}

export function entity(type: string, id: string): EntityRef {
  return { kind: "entity", type, id, key: `${type}::${JSON.stringify(id)}` }
}

/** Cedar grammar, "Path": identifiers, joined by `::`. */
export function isEntityType(name: string): boolean {
  return /^[A-Za-z_]\w*(?:::[A-Za-z_]\w*)*$/.test(name)
}

export function set(values: Iterable<Value>): CedarSet {
  const members = new Map<string, Value>()
  for (const value of values) members.set(memberKey(value), value)
  return new CedarSet(members)
}

export function record(entries: Readonly<Record<string, Value>> | Iterable<readonly [string, Value]>): CedarRecord {
  return new Map(isIterable(entries) ? entries : Object.entries(entries))
}

export function isEntity(value: Value): value is EntityRef {
  return typeof value === "object" && "kind" in value && value.kind === "entity"
}

export function isRecord(value: Value): value is CedarRecord {
  return value instanceof Map
}

/** Cedar's `==`: values of different types are different, never an error. */
export function equal(a: Value, b: Value): boolean {
  if (a === b) return true
  if (typeof a !== "object" || typeof b !== "object") return false
  if (a instanceof CedarSet) return b instanceof CedarSet && a.size === b.size && subset(a, b)
  if (isRecord(a)) return isRecord(b) && sameEntries(a, b)
  // The keys of entities and of each extension type have spellings that never coincide.
  return "key" in b && a.key === b.key
}

/** Every member of `a` is one of `b`. */
export function subset(a: CedarSet, b: CedarSet): boolean {
  for (const key of a.members.keys()) if (!b.members.has(key)) return false
  return true
}

function sameEntries(a: CedarRecord, b: CedarRecord): boolean {
  if (a.size !== b.size) return false
  for (const [name, value] of a) {
    const other = b.get(name)
    if (other === undefined || !equal(value, other)) return false
  }
  return true
}

/**
 * Equal exactly for equal values. The first character identifies the type: `'` string, digit or `-` long, `[` set, `{`
 * record. An entity has `::"` after its type, and an extension value `(`, which `true` and `false` lack.
 */
function memberKey(value: Value): string {
  return typeof value === "string" ? `'${value}` : nestedKey(value)
}

/** The same inside a set or record, where a string must be quoted so that it cannot forge what follows it. */
function nestedKey(value: Value): string {
  if (typeof value === "string") return JSON.stringify(value)
  if (typeof value !== "object") return String(value)
  if (!(value instanceof CedarSet) && !isRecord(value)) return value.key
  let key = nestedKeys.get(value)
  if (key === undefined) nestedKeys.set(value, (key = makeNestedKey(value)))
  return key
}
/** Rules compare the arguments of one call for each principal; a value never changes. */
const nestedKeys = new WeakMap<CedarSet | CedarRecord, string>()

function makeNestedKey(value: CedarSet | CedarRecord): string {
  // The key of each member exists already; otherwise the innermost values would be visited once for each level.
  if (value instanceof CedarSet) {
    const keys = Array.from(value.members, ([key, item]) => (typeof item === "string" ? nestedKey(item) : key))
    return `[${keys.toSorted().join()}]`
  }
  const members = Array.from(value, ([name, item]) => `${JSON.stringify(name)}:${nestedKey(item)}`)
  return `{${members.toSorted().join()}}`
}

/**
 * Units (core/encoding/work.ts) of making the key of a value, by which it is a member of a set. Of a set or a record
 * the key is made once, but even then it is as long as all that is in it.
 */
export function unitsOfKey(value: Value): number {
  if (typeof value === "string") return value.length >> 2
  if (typeof value !== "object" || !(value instanceof CedarSet || isRecord(value))) return 0
  let units = unitsOfKeys.get(value)
  if (units === undefined) {
    units = UNITS_OF_PART
    if (value instanceof CedarSet) for (const each of value.members.values()) units += UNITS_OF_PART + unitsOfKey(each)
    else for (const [name, each] of value) units += UNITS_OF_PART + (name.length >> 2) + unitsOfKey(each)
    unitsOfKeys.set(value, units)
  }
  return units
}
const unitsOfKeys = new WeakMap<CedarSet | CedarRecord, number>()
const UNITS_OF_PART = 10

function isIterable<T>(value: object | Iterable<T>): value is Iterable<T> {
  return Symbol.iterator in value
}

/** Deeper than any real argument; a nesting attack would otherwise end in a stack overflow. */
const MAX_DEPTH = 64

/**
 * The arguments of a call: every object is a record, whatever its keys. `undefined` if anything inside is not
 * representable: null, a fraction that is no declared decimal, an integer beyond 2^53 - 1 (readers of JSON round those
 * differently) or a string with a lone surrogate (readers replace those differently, the official engine rejects them).
 */
export function fromJson(json: unknown, decimals?: Decimals): Value | undefined {
  return readJson(json, () => null, decimals)
}

/** The value of an object: `null` for a record of its members, `undefined` if it is not representable. */
export type Escape = (object: object, depth: number) => Value | undefined | null

/**
 * @param decimals which numbers are decimals; absent: none
 * @param depth how many levels may follow
 */
export function readJson(
  json: unknown,
  escape: Escape,
  decimals?: Decimals,
  depth: number = MAX_DEPTH,
): Value | undefined {
  if (decimals === "decimal") return readDecimal(json)
  switch (typeof json) {
    case "boolean":
      return json
    case "string":
      return json.isWellFormed() ? json : undefined
    case "number":
      return Number.isSafeInteger(json) ? BigInt(json) : undefined
    case "object": {
      if (json === null || depth === 0) return undefined
      if (Array.isArray(json)) return readArray(json, escape, decimals, depth - 1)
      const escaped = escape(json, depth - 1)
      return escaped === null ? readMembers(json, escape, decimals, depth - 1) : escaped
    }
    default:
      return undefined
  }
}

function readArray(
  json: readonly unknown[],
  escape: Escape,
  decimals: Decimals | undefined,
  depth: number,
): CedarSet | undefined {
  const each = typeof decimals === "object" && "each" in decimals ? decimals.each : undefined
  const values: Value[] = []
  for (const item of json) {
    const value = readJson(item, escape, each, depth)
    if (value === undefined) return undefined
    values.push(value)
  }
  return set(values)
}

/** Plain objects only: an instance, such as a parser's big-number object, is no record of its fields. */
function readMembers(
  json: object,
  escape: Escape,
  decimals: Decimals | undefined,
  depth: number,
): CedarRecord | undefined {
  const prototype: unknown = Object.getPrototypeOf(json)
  if (prototype !== Object.prototype && prototype !== null) return undefined
  const declared = typeof decimals === "object" && "members" in decimals ? decimals.members : {}
  const entries = new Map<string, Value>()
  const members: [string, unknown][] = Object.entries(json)
  for (const [name, item] of members) {
    const value = name.isWellFormed() ? readJson(item, escape, decimalsOfMember(declared, name), depth) : undefined
    if (value === undefined) return undefined
    entries.set(name, value)
  }
  return entries
}

export const NONE: CedarRecord = new Map()
