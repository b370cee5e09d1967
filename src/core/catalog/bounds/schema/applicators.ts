/** Keywords that apply other schemas, to the value or to parts of it. */
import { isObject } from "../../../encoding/json.ts"
import { count, escaped, list, members, patternOf, SchemaFault, type Check, type Place, type Run } from "./check.ts"
import { isFoundIn } from "./regular-expression.ts"

type Applicator = (operand: unknown, place: Place) => Check

export const APPLICATORS: Readonly<Record<string, Applicator>> = {
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
    return ofMembers((name, { work }) =>
      checks.filter(({ automaton }) => isFoundIn(automaton, name, work)).map(({ check }) => check),
    )
  },
  additionalProperties: (operand, { at, siblings, part }) => {
    const check = part(operand, at)
    const names = new Set(Object.keys(isObject(siblings["properties"]) ? siblings["properties"] : {}))
    const patterns = Object.keys(isObject(siblings["patternProperties"]) ? siblings["patternProperties"] : {}).map(
      (pattern) => patternOf(pattern, at),
    )
    return ofMembers((name, { work }) =>
      names.has(name) || patterns.some((automaton) => isFoundIn(automaton, name, work)) ? [] : [check],
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
      run.work.take(UNITS_OF_PART)
      const checks = checksOf(member, run)
      if (checks.length > 0) run.named.push({ object: value, member })
      return firstOf(checks, (check) => check(each, run))
    })
  }
}

/** Units of a member, and of applying a keyword (core/encoding/work.ts). */
export const UNITS_OF_PART = 10

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
