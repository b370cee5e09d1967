/**
 * What each operator of Cedar means on values. Source: Cedar documentation, "Operators and functions"; the official
 * engine is the oracle in test/node/oracle.test.ts. Operands of a wrong type err, except for `==` and `!=`.
 */
import type { EntityStore } from "./entities.ts"
import { NO_ATTRIBUTE, NO_ENTITY, NO_TAG, WRONG_TYPE, asBoolean, asLong, asText } from "./values/evaluation-error.ts"
import { int64 } from "./values/long.ts"
import {
  CedarSet,
  unitsOfKey,
  type CedarRecord,
  type EntityRef,
  type Value,
  equal,
  isEntity,
  isRecord,
  subset,
} from "./values/value.ts"

type Apply = (left: Value, right: Value, entities: EntityStore) => Value

export interface Binary {
  readonly apply: Apply
  /** Units that grow with the values (core/encoding/work.ts); null if none do: the operator itself is drawn with its rule. */
  readonly units: ((left: Value, right: Value) => number) | null
}

const constantly = (apply: Apply): Binary => ({ apply, units: null })
const comparison = (apply: Apply): Binary => ({ apply, units: unitsOfEquality })

export const BINARY: ReadonlyMap<string, Binary> = new Map<string, Binary>([
  ["==", comparison(equal)],
  ["!=", comparison((left, right) => !equal(left, right))],
  ["<", constantly(ordering((left, right) => left < right))],
  ["<=", constantly(ordering((left, right) => left <= right))],
  [">", constantly(ordering((left, right) => left > right))],
  [">=", constantly(ordering((left, right) => left >= right))],
  ["+", constantly((left, right) => int64(asLong(left) + asLong(right)))],
  ["-", constantly((left, right) => int64(asLong(left) - asLong(right)))],
  ["*", constantly((left, right) => int64(asLong(left) * asLong(right)))],
  ["in", { apply: isInAny, units: (_left, right) => UNITS_OF_MEMBER * sizeOf(right) }],
  ["contains", { apply: (left, right) => asSet(left).has(right), units: (_left, right) => unitsOfKey(right) }],
  [
    "containsAll",
    {
      apply: (left, right) => subset(asSet(right), asSet(left)),
      units: (_left, right) => UNITS_OF_MEMBER * sizeOf(right),
    },
  ],
  [
    "containsAny",
    {
      apply: (left, right) => overlap(asSet(left), asSet(right)),
      units: (left, right) => UNITS_OF_MEMBER * Math.min(sizeOf(left), sizeOf(right)),
    },
  ],
  ["hasTag", constantly(hasTag)],
  ["getTag", constantly(getTag)],
])

/** Units of a member that is looked up. */
const UNITS_OF_MEMBER = 6

const sizeOf = (value: Value): number => (value instanceof CedarSet ? value.size : 1)

/** Texts of different lengths are never compared, nor are values of which one has no parts. */
function unitsOfEquality(left: Value, right: Value): number {
  if (typeof left === "string") return left.length > LONG_TEXT && typeof right === "string" ? left.length >> 4 : 0
  return typeof left === "object" && typeof right === "object" ? Math.min(unitsOfParts(left), unitsOfParts(right)) : 0
}
const LONG_TEXT = 256

function unitsOfParts(value: Value): number {
  if (typeof value !== "object" || "key" in value) return typeof value === "string" ? value.length >> 4 : 0
  return unitsOfKey(value)
}

export type Unary = (operand: Value) => Value

export const UNARY: ReadonlyMap<string, Unary> = new Map<string, Unary>([
  ["!", (operand) => !asBoolean(operand)],
  ["neg", (operand) => int64(-asLong(operand))],
  ["isEmpty", (operand) => asSet(operand).size === 0],
])

/** `in` for one entity: itself, or a member at any depth. One that is not stored is a member of nothing else. */
export function isIn(ref: EntityRef, group: string, entities: EntityStore): boolean {
  return ref.key === group || (entities.get(ref.key)?.ancestors.has(group) ?? false)
}

/** The attribute of a record or of a stored entity. */
export function attribute(value: Value, name: string, entities: EntityStore): Value {
  const found = attributesOf(value, entities)
  if (found === undefined) throw NO_ENTITY
  const member = found.get(name)
  if (member === undefined) throw NO_ATTRIBUTE
  return member
}

/** The same if it may be missing; an entity that is not stored has no attributes. */
export function optionalAttribute(value: Value, name: string, entities: EntityStore): Value | undefined {
  return attributesOf(value, entities)?.get(name)
}

function attributesOf(value: Value, entities: EntityStore): CedarRecord | undefined {
  if (isRecord(value)) return value
  return entities.get(asEntity(value).key)?.attrs
}

/** `in`, whose right side may be a set: every member of it must be an entity, whether or not an earlier one decides. */
export function isInAny(left: Value, right: Value, entities: EntityStore): boolean {
  const ref = asEntity(left)
  if (!(right instanceof CedarSet)) return isIn(ref, asEntity(right).key, entities)
  let found = false
  for (const group of right.members.values()) found = isIn(ref, asEntity(group).key, entities) || found
  return found
}

function overlap(a: CedarSet, b: CedarSet): boolean {
  const [fewer, more] = a.size < b.size ? [a, b] : [b, a]
  for (const key of fewer.members.keys()) if (more.members.has(key)) return true
  return false
}

/** For integers, and for moments and durations among themselves; a decimal has methods for it. */
function ordering(holds: (left: bigint, right: bigint) => boolean): Apply {
  return (left, right) => {
    if (typeof left === "bigint") return holds(left, asLong(right))
    if (typeof left !== "object" || !("kind" in left)) throw WRONG_TYPE
    if (left.kind !== "datetime" && left.kind !== "duration") throw WRONG_TYPE
    if (typeof right !== "object" || !("kind" in right) || right.kind !== left.kind) throw WRONG_TYPE
    return holds(left.value, right.value)
  }
}

/** An entity that is not stored has no tags. */
function hasTag(left: Value, right: Value, entities: EntityStore): boolean {
  const { key } = asEntity(left)
  const name = asText(right)
  return entities.get(key)?.tags.has(name) ?? false
}

function getTag(left: Value, right: Value, entities: EntityStore): Value {
  const { key } = asEntity(left)
  const name = asText(right)
  const found = entities.get(key)
  if (found === undefined) throw NO_ENTITY
  const tag = found.tags.get(name)
  if (tag === undefined) throw NO_TAG
  return tag
}

export function asEntity(value: Value): EntityRef {
  if (!isEntity(value)) throw WRONG_TYPE
  return value
}

function asSet(value: Value): CedarSet {
  if (!(value instanceof CedarSet)) throw WRONG_TYPE
  return value
}
