/** Keywords that say something of the value itself. */
import { characterCount } from "../../../encoding/bytes.ts"
import { canonicalText } from "../../../encoding/canonical-json.ts"
import { exactOf, isMultiple } from "../../../encoding/exact-number.ts"
import { isObject } from "../../../encoding/json.ts"
import { count, list, members, number, patternOf, SchemaFault, texts, type Run } from "./check.ts"
import type { Work } from "../../../encoding/work.ts"
import { isFoundIn } from "./regular-expression.ts"

type Assertion = (operand: unknown, at: string) => (value: unknown, run: Run) => boolean

export const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  type: (operand, at) => {
    const types = (Array.isArray(operand) ? operand : [operand]).map((each) => {
      const test = typeof each === "string" && Object.hasOwn(TYPES, each) ? TYPES[each] : undefined
      if (!test) throw new SchemaFault(`${at} is no type`)
      return test
    })
    return (value) => types.some((isOfType) => isOfType(value))
  },
  enum: (operand, at) => isOneOf(list(operand, at)),
  const: (operand) => isOneOf([operand]),
  minimum: (operand, at) => ofNumbers(number(operand, at), (value, limit) => value >= limit),
  maximum: (operand, at) => ofNumbers(number(operand, at), (value, limit) => value <= limit),
  exclusiveMinimum: (operand, at) => ofNumbers(number(operand, at), (value, limit) => value > limit),
  exclusiveMaximum: (operand, at) => ofNumbers(number(operand, at), (value, limit) => value < limit),
  multipleOf: (operand, at) => {
    const divisor = exactOf(String(number(operand, at)))
    if (!divisor || divisor.digits <= 0n) throw new SchemaFault(`${at} is not above 0`)
    return (value) => {
      const exact = typeof value === "number" ? exactOf(String(value)) : null
      return exact === null ? typeof value !== "number" : isMultiple(exact, divisor)
    }
  },
  minLength: (operand, at) => ofTexts(count(operand, at), (length, limit) => length >= limit),
  maxLength: (operand, at) => ofTexts(count(operand, at), (length, limit) => length <= limit),
  pattern: (operand, at) => {
    const automaton = patternOf(operand, at)
    return (value, { work }) => typeof value !== "string" || isFoundIn(automaton, value, work)
  },
  minItems: (operand, at) => ofLists(count(operand, at), (value, limit) => value.length >= limit),
  maxItems: (operand, at) => ofLists(count(operand, at), (value, limit) => value.length <= limit),
  uniqueItems: (operand, at) => {
    if (typeof operand !== "boolean") throw new SchemaFault(`${at} is neither true nor false`)
    return (value, { work }) => {
      if (!operand || !Array.isArray(value)) return true
      const texts = new Set<string | undefined>()
      for (const item of value) {
        const text = canonicalText(item)
        work.take(UNITS_OF_TEXT + (text?.length ?? 0))
        if (texts.has(text)) return false
        texts.add(text)
      }
      return true
    }
  },
  required: (operand, at) => {
    const names = texts(operand, at)
    return (value) => !isObject(value) || names.every((name) => Object.hasOwn(value, name))
  },
  minProperties: (operand, at) => ofObjects(count(operand, at), (size, limit) => size >= limit),
  maxProperties: (operand, at) => ofObjects(count(operand, at), (size, limit) => size <= limit),
  dependentRequired: (operand, at) => {
    const all = Object.entries(members(operand, at)).map(([name, needed]) => [name, texts(needed, at)] as const)
    return (value) =>
      !isObject(value) ||
      all.every(([name, needed]) => !Object.hasOwn(value, name) || needed.every((each) => Object.hasOwn(value, each)))
  },
}

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === "boolean",
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number",
  integer: (value) => Number.isInteger(value),
  array: (value) => Array.isArray(value),
  object: (value) => isObject(value),
}

const ofNumbers = (limit: number, holds: (value: number, limit: number) => boolean) => (value: unknown) =>
  typeof value !== "number" || holds(value, limit)
const ofTexts =
  (limit: number, holds: (length: number, limit: number) => boolean) =>
  (value: unknown, { work }: Run): boolean => {
    if (typeof value !== "string") return true
    work.take(value.length)
    return holds(characterCount(value), limit)
  }
const ofLists = (limit: number, holds: (value: readonly unknown[], limit: number) => boolean) => (value: unknown) =>
  !Array.isArray(value) || holds(value, limit)
const ofObjects =
  (limit: number, holds: (size: number, limit: number) => boolean) =>
  (value: unknown, { work }: Run): boolean => {
    if (!isObject(value)) return true
    const size = Object.keys(value).length
    work.take(size * UNITS_OF_EACH)
    return holds(size, limit)
  }

/** Units of a canonical text, beside one for each of its characters (core/encoding/work.ts). */
const UNITS_OF_TEXT = 50
/** Units of a member or an element that is compared. */
const UNITS_OF_EACH = 8

/** No canonical text of the value, which is longer than what it is compared with. */
function isOneOf(allowed: readonly unknown[]): (value: unknown, run: Run) => boolean {
  const scalars = new Set(allowed.filter((each) => typeof each !== "object" || each === null))
  const others = allowed.filter((each) => !scalars.has(each))
  return (value, { work }) => {
    if (typeof value !== "object" || value === null) return scalars.has(value)
    return others.some((each) => isEqual(value, each, work))
  }
}

/** As RFC 8785 writes them: members in any order, and -0 as 0. */
function isEqual(value: unknown, other: unknown, work: Work): boolean {
  work.take(UNITS_OF_EACH)
  if (Array.isArray(value) && Array.isArray(other))
    return value.length === other.length && other.every((each, nth) => isEqual(value[nth], each, work))
  if (!isObject(value) || !isObject(other)) return value === other
  const names = Object.keys(value)
  work.take(names.length * UNITS_OF_EACH)
  const [size, own] = [Object.keys(other).length, (name: string) => Object.hasOwn(other, name)]
  return names.length === size && names.every((name) => own(name) && isEqual(value[name], other[name], work))
}
