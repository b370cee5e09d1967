/** What a rule says outright, read once: `context.x` in a set of a hundred names must not build the set every time. */
import { type Node, UnsupportedOperator, isNode, readList, readNode, readOperator } from "./est.ts"
import { type CedarRecord, type CedarSet, type Value, fromCedarJson, record, set } from "./value.ts"

/** Integers beyond 2^53 - 1 have lost digits in JSON before they get here: refused rather than compared wrongly. */
export function readLiteral(json: unknown, rule: string): Value {
  const value = fromCedarJson(json)
  if (value === undefined) throw new UnsupportedOperator(rule, describeRefused(json))
  return value
}

/** `undefined` where an item is worked out from the request. */
export function literalSet(items: readonly unknown[], rule: string): CedarSet | undefined {
  const values: Value[] = []
  for (const item of items) {
    const value = literalOf(item, rule)
    if (value === undefined) return undefined
    values.push(value)
  }
  return set(values)
}

export function literalRecord(members: Node, rule: string): CedarRecord | undefined {
  const entries: [string, Value][] = []
  for (const [name, item] of Object.entries(members)) {
    const value = literalOf(item, rule)
    if (value === undefined) return undefined
    entries.push([name, value])
  }
  return record(entries)
}

function literalOf(expression: unknown, rule: string): Value | undefined {
  const [operator, operands] = readOperator(expression, rule)
  switch (operator) {
    case "Value":
      return readLiteral(operands, rule)
    case "Set":
      return literalSet(readList(operands, rule, operator), rule)
    case "Record":
      return literalRecord(readNode(operands, rule, operator), rule)
    default:
      return undefined
  }
}

function describeRefused(json: unknown): string {
  if (typeof json === "number") return "an integer beyond 2^53 - 1"
  if (isNode(json) && isNode(json.__extn)) return String(json.__extn.fn)
  return "a literal that is no Cedar value"
}
