/**
 * JSON Schema, of the draft 2020-12 what judges a value by itself: no references to other documents or in a circle, no
 * `format` (readers differ over whether it is more than a remark), no keyword that is not known, which other validators
 * would take for a remark. A schema becomes a function once; what a value costs is bounded by steps.
 */
import { canonicalText } from "../../../encoding/canonical-json.ts"
import { isObject } from "../../../encoding/json.ts"
import { exactOf, isMultiple } from "../exact.ts"
import { automatonOf, isFoundIn, PatternFault, type Steps } from "./regular-expression.ts"

/** What a validation has used, and which members of which objects a part of the schema that holds has named. */
export interface Run {
  readonly steps: Steps
  readonly named: { readonly object: object; readonly member: string }[]
}

/** Returns where the schema does not hold, as a JSON Pointer into it; null if it holds. */
export type Check = (value: unknown, run: Run) => string | null

export class SchemaFault extends Error {}

export const LONGEST = 16_384
export const MOST_PARTS = 500
export const DEEPEST = 16
/** They say nothing of the value. */
const REMARKS = new Set([
  "$schema",
  "$comment",
  "$defs",
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
])
const DIALECT = "https://json-schema.org/draft/2020-12/schema"

export interface CompiledSchema {
  readonly check: Check
  /** Members of objects that it names. */
  readonly names: ReadonlySet<string>
}

/** Throws SchemaFault. */
export function compileSchema(schema: unknown): CompiledSchema {
  if (JSON.stringify(schema).length > LONGEST) throw new SchemaFault(`it is longer than ${LONGEST} characters`)
  const definitions = isObject(schema) ? (schema["$defs"] ?? {}) : {}
  if (!isObject(definitions)) throw new SchemaFault("`$defs` is no object")
  const compiler = new Compiler(definitions)
  // So that what nothing refers to is found to be wrong, too.
  for (const [name, each] of Object.entries(definitions)) compiler.part(each, `/$defs/${escaped(name)}`)
  return { check: compiler.part(schema, ""), names: compiler.names }
}

/** One part of a schema, and what stands beside it. */
export interface Place {
  readonly at: string
  readonly siblings: Readonly<Record<string, unknown>>
  readonly part: (schema: unknown, at: string) => Check
}

class Compiler {
  readonly names = new Set<string>()
  readonly #definitions: Readonly<Record<string, unknown>>
  readonly #open: string[] = []
  #parts = 0
  #depth = 0

  constructor(definitions: Readonly<Record<string, unknown>>) {
    this.#definitions = definitions
  }

  part(schema: unknown, at: string): Check {
    if (++this.#parts > MOST_PARTS)
      throw new SchemaFault(`it has more than ${MOST_PARTS} parts, those it refers to included`)
    if (schema === true) return () => null
    if (schema === false) return () => at
    if (!isObject(schema)) throw new SchemaFault(`${at || "it"} is no schema`)
    if (++this.#depth > DEEPEST) throw new SchemaFault(`it nests deeper than ${DEEPEST}`)
    const checks = Object.entries(schema).flatMap(([keyword, operand]) => this.#keyword(keyword, operand, schema, at))
    this.#depth -= 1
    return (value, run) => {
      for (const check of checks) {
        if (--run.steps.left < 0) return at
        const failure = check(value, run)
        if (failure !== null) return failure
      }
      return null
    }
  }

  #keyword(keyword: string, operand: unknown, siblings: Place["siblings"], parent: string): readonly Check[] {
    const at = `${parent}/${escaped(keyword)}`
    if (keyword === "$ref") return [this.#reference(operand, at)]
    if (keyword === "$schema" && operand !== DIALECT) throw new SchemaFault(`\`$schema\` is not ${DIALECT}`)
    if (keyword === "$defs" && parent !== "") throw new SchemaFault(`${at} stands below the top`)
    if (REMARKS.has(keyword)) return []
    for (const name of namesIn(keyword, operand)) this.names.add(name)
    const place = { at, siblings, part: (schema: unknown, below: string) => this.part(schema, below) }
    const plain = Object.hasOwn(ASSERTIONS, keyword) ? ASSERTIONS[keyword]?.(operand, at) : undefined
    if (plain) return [(value, run) => (plain(value, run) ? null : at)]
    const applied = Object.hasOwn(APPLICATORS, keyword) ? APPLICATORS[keyword]?.(operand, place) : undefined
    if (!applied) throw new SchemaFault(`the keyword \`${keyword}\` is not supported`)
    return [applied]
  }

  #reference(operand: unknown, at: string): Check {
    const name = typeof operand === "string" ? /^#\/\$defs\/([\w.-]+)$/.exec(operand)?.[1] : undefined
    if (name === undefined || !Object.hasOwn(this.#definitions, name))
      throw new SchemaFault(`${at} is no \`#/$defs/NAME\` of this schema`)
    if (this.#open.includes(name)) throw new SchemaFault(`\`#/$defs/${name}\` refers to itself`)
    this.#open.push(name)
    const check = this.part(this.#definitions[name], `/$defs/${name}`)
    this.#open.pop()
    return check
  }
}

export const escaped = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1")

function namesIn(keyword: string, operand: unknown): readonly string[] {
  if (keyword === "required") return texts(operand, keyword)
  return NAMING.has(keyword) && isObject(operand) ? Object.keys(operand) : []
}
const NAMING = new Set(["properties", "dependentRequired", "dependentSchemas"])

type Assertion = (operand: unknown, at: string) => (value: unknown, run: Run) => boolean

/** Keywords that say something of the value itself. */
const ASSERTIONS: Readonly<Record<string, Assertion>> = {
  type: (operand, at) => {
    const types = (Array.isArray(operand) ? operand : [operand]).map((each) => {
      const test = typeof each === "string" && Object.hasOwn(TYPES, each) ? TYPES[each] : undefined
      if (!test) throw new SchemaFault(`${at} is no type`)
      return test
    })
    return (value) => types.some((isOfType) => isOfType(value))
  },
  enum: (operand, at) => {
    const texts = new Set(list(operand, at).map(canonicalText))
    return (value) => texts.has(canonicalText(value))
  },
  const: (operand) => {
    const text = canonicalText(operand)
    return (value) => canonicalText(value) === text
  },
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
  minLength: (operand, at) => ofTexts(count(operand, at), (value, limit) => lengthOf(value) >= limit),
  maxLength: (operand, at) => ofTexts(count(operand, at), (value, limit) => lengthOf(value) <= limit),
  pattern: (operand, at) => {
    const automaton = patternOf(operand, at)
    return (value, { steps }) => typeof value !== "string" || isFoundIn(automaton, value, steps)
  },
  minItems: (operand, at) => ofLists(count(operand, at), (value, limit) => value.length >= limit),
  maxItems: (operand, at) => ofLists(count(operand, at), (value, limit) => value.length <= limit),
  uniqueItems: (operand, at) => {
    if (typeof operand !== "boolean") throw new SchemaFault(`${at} is neither true nor false`)
    return (value) => !operand || !Array.isArray(value) || new Set(value.map(canonicalText)).size === value.length
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

/** Keywords that apply other schemas, to the value or to parts of it. */
type Applicator = (operand: unknown, place: Place) => Check

const APPLICATORS: Readonly<Record<string, Applicator>> = {
  allOf: (operand, place) => {
    const checks = schemas(operand, place)
    return (value, run) => firstOf(checks, (check) => check(value, run))
  },
  anyOf: (operand, place) => {
    const checks = schemas(operand, place)
    // Each that holds names members, as in a validator that collects annotations.
    return (value, run) => (checks.filter((check) => holds(check, value, run)).length > 0 ? null : place.at)
  },
  oneOf: (operand, place) => {
    const checks = schemas(operand, place)
    return (value, run) => (checks.filter((check) => holds(check, value, run)).length === 1 ? null : place.at)
  },
  not: (operand, place) => {
    const check = place.part(operand, place.at)
    return (value, run) => {
      const before = run.named.length
      const isValid = holds(check, value, run)
      run.named.length = before
      return isValid ? place.at : null
    }
  },
  if: (operand, { at, siblings, part }) => {
    const parent = at.slice(0, -"/if".length)
    const [test, then, otherwise] = [
      part(operand, at),
      part(siblings["then"] ?? true, `${parent}/then`),
      part(siblings["else"] ?? true, `${parent}/else`),
    ]
    return (value, run) => (holds(test, value, run) ? then(value, run) : otherwise(value, run))
  },
  // Both belong to `if`; without one they say nothing, and are wrong there all the same.
  then: belongsToIf,
  else: belongsToIf,
  prefixItems: (operand, place) => {
    const checks = schemas(operand, place)
    return (value, run) =>
      Array.isArray(value) ? firstOf(checks.slice(0, value.length), (check, nth) => check(value[nth], run)) : null
  },
  items: (operand, { at, siblings, part }) => {
    const check = part(operand, at)
    const from = Array.isArray(siblings["prefixItems"]) ? siblings["prefixItems"].length : 0
    return (value, run) => (Array.isArray(value) ? firstOf(value.slice(from), (item) => check(item, run)) : null)
  },
  contains: (operand, { at, siblings, part }) => {
    const check = part(operand, at)
    const least = siblings["minContains"] === undefined ? 1 : count(siblings["minContains"], at)
    const most = siblings["maxContains"] === undefined ? Infinity : count(siblings["maxContains"], at)
    return (value, run) => {
      if (!Array.isArray(value)) return null
      const found = value.filter((item) => holds(check, item, run)).length
      return found >= least && found <= most ? null : at
    }
  },
  minContains: belongsToContains,
  maxContains: belongsToContains,
  properties: (operand, place) => {
    const checks = new Map(
      Object.entries(members(operand, place.at)).map(([name, each]) => [
        name,
        place.part(each, `${place.at}/${escaped(name)}`),
      ]),
    )
    return ofMembers((name) => {
      const check = checks.get(name)
      return check ? [check] : []
    })
  },
  patternProperties: (operand, place) => {
    const checks = Object.entries(members(operand, place.at)).map(([pattern, each]) => ({
      automaton: patternOf(pattern, place.at),
      check: place.part(each, `${place.at}/${escaped(pattern)}`),
    }))
    return ofMembers((name, { steps }) =>
      checks.filter(({ automaton }) => isFoundIn(automaton, name, steps)).map(({ check }) => check),
    )
  },
  additionalProperties: (operand, { at, siblings, part }) => {
    const check = part(operand, at)
    const names = new Set(Object.keys(isObject(siblings["properties"]) ? siblings["properties"] : {}))
    const patterns = Object.keys(isObject(siblings["patternProperties"]) ? siblings["patternProperties"] : {}).map(
      (pattern) => patternOf(pattern, at),
    )
    return ofMembers((name, { steps }) =>
      names.has(name) || patterns.some((automaton) => isFoundIn(automaton, name, steps)) ? [] : [check],
    )
  },
  propertyNames: (operand, { at, part }) => {
    const check = part(operand, at)
    return (value, run) => (isObject(value) ? firstOf(Object.keys(value), (name) => check(name, run)) : null)
  },
  dependentSchemas: (operand, place) => {
    const checks = Object.entries(members(operand, place.at)).map(
      ([name, each]) => [name, place.part(each, `${place.at}/${escaped(name)}`)] as const,
    )
    return (value, run) =>
      isObject(value)
        ? firstOf(checks, ([name, check]) => (Object.hasOwn(value, name) ? check(value, run) : null))
        : null
  },
}

function belongsToIf(_operand: unknown, { at, siblings }: Place): Check {
  if (siblings["if"] === undefined) throw new SchemaFault(`${at} stands without \`if\``)
  return () => null
}

function belongsToContains(operand: unknown, { at, siblings }: Place): Check {
  count(operand, at)
  if (siblings["contains"] === undefined) throw new SchemaFault(`${at} stands without \`contains\``)
  return () => null
}

/** Whether it holds; what it named counts only if it does. */
function holds(check: Check, value: unknown, run: Run): boolean {
  const before = run.named.length
  const isValid = check(value, run) === null
  if (!isValid) run.named.length = before
  return isValid
}

/** @param checksOf the schemas that apply to a member of this name; one that has any is named */
function ofMembers(checksOf: (name: string, run: Run) => readonly Check[]): Check {
  return (value, run) => {
    if (!isObject(value)) return null
    return firstOf(Object.entries(value), ([member, each]) => {
      if (--run.steps.left < 0) return ""
      const checks = checksOf(member, run)
      if (checks.length > 0) run.named.push({ object: value, member })
      return firstOf(checks, (check) => check(each, run))
    })
  }
}

function firstOf<Item>(items: readonly Item[], failureOf: (item: Item, nth: number) => string | null): string | null {
  for (const [nth, item] of items.entries()) {
    const failure = failureOf(item, nth)
    if (failure !== null) return failure
  }
  return null
}

function schemas(operand: unknown, { at, part }: Place): readonly Check[] {
  const all = list(operand, at)
  if (all.length === 0) throw new SchemaFault(`${at} is empty`)
  return all.map((each, nth) => part(each, `${at}/${nth}`))
}

function patternOf(operand: unknown, at: string): ReturnType<typeof automatonOf> {
  if (typeof operand !== "string") throw new SchemaFault(`${at} is no text`)
  try {
    return automatonOf(operand)
  } catch (error) {
    if (error instanceof PatternFault) throw new SchemaFault(`the pattern at ${at} cannot be used: ${error.message}`)
    throw error
  }
}

const ofNumbers = (limit: number, holds: (value: number, limit: number) => boolean) => (value: unknown) =>
  typeof value !== "number" || holds(value, limit)
const ofTexts = (limit: number, holds: (value: string, limit: number) => boolean) => (value: unknown) =>
  typeof value !== "string" || holds(value, limit)
const ofLists = (limit: number, holds: (value: readonly unknown[], limit: number) => boolean) => (value: unknown) =>
  !Array.isArray(value) || holds(value, limit)
const ofObjects = (limit: number, holds: (size: number, limit: number) => boolean) => (value: unknown) =>
  !isObject(value) || holds(Object.keys(value).length, limit)
const lengthOf = (text: string): number => Array.from(text).length

function number(operand: unknown, at: string): number {
  if (typeof operand !== "number" || !Number.isFinite(operand)) throw new SchemaFault(`${at} is no number`)
  return operand
}

function count(operand: unknown, at: string): number {
  const limit = number(operand, at)
  if (!Number.isInteger(limit) || limit < 0) throw new SchemaFault(`${at} is no whole number from 0`)
  return limit
}

function list(operand: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(operand)) throw new SchemaFault(`${at} is no list`)
  return operand
}

function texts(operand: unknown, at: string): readonly string[] {
  return list(operand, at).map((each) => {
    if (typeof each !== "string") throw new SchemaFault(`${at} is no list of names`)
    return each
  })
}

function members(operand: unknown, at: string): Readonly<Record<string, unknown>> {
  if (!isObject(operand)) throw new SchemaFault(`${at} is no object`)
  return operand
}
