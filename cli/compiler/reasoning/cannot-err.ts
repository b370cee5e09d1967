/**
 * Whether the conjuncts of a rule can be evaluated without an error, whatever the call. A forbid with an error denies,
 * so a forbid that cannot be true still matters unless this holds. Sound, not complete: what is not plainly safe counts
 * as what may err.
 */
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import { ALWAYS } from "./known.ts"
import { constantOf, constantsOf, type Conjunct, keyOf, member } from "./term.ts"

/** Evaluated in order, each only if the conjuncts before it had the expected values. */
export function cannotErr(conjuncts: readonly Conjunct[]): boolean {
  const there = new Set<string>()
  return conjuncts.every(({ expression, expected }) => {
    const isSafe = isBoolean(expression) && safe(expression, there)
    if (expected) for (const key of shownThere(expression)) there.add(key)
    return isSafe
  })
}

type There = ReadonlySet<string>

const COMPARISONS = ["<", "<=", ">", ">="]
const BOOLEANS = new Set([...COMPARISONS, "==", "!=", "&&", "||", "!", "has", "is", "in", "like", "contains"])

/** Its value, if it has one, is certainly `true` or `false`. */
function isBoolean(expression: unknown): boolean {
  const [operator, operands] = entryOf(expression)
  if (operator === "Value") return typeof operands === "boolean"
  return BOOLEANS.has(operator) || ALWAYS.get(keyOf(expression)) === "boolean"
}

function safe(expression: unknown, there: There): boolean {
  if (ALWAYS.has(keyOf(expression)) || constantOf(expression) !== null) return true
  const [operator, operands] = entryOf(expression)
  if (!isNode(operands)) return false
  const { left, right, attr, arg } = operands
  switch (operator) {
    case ".":
      return there.has(keyOf(expression)) && typeof attr === "string"
    case "has":
      return typeof attr === "string" && ["record", "entity"].includes(ALWAYS.get(keyOf(left)) ?? "")
    case "==":
    case "!=":
      return safe(left, there) && safe(right, there)
    case "<":
    case "<=":
    case ">":
    case ">=":
      return isOf("number", left) && isOf("number", right)
    case "like":
      return isOf("text", left)
    case "contains":
      return (isOf("set", left) || constantsOf(left) !== null) && safe(right, there)
    case "in":
      return isOf("entity", left) && isOf("entity", right)
    case "is":
      return isOf("entity", left) && (operands["in"] === undefined || isOf("entity", operands["in"]))
    case "!":
      return isBoolean(arg) && safe(arg, there)
    case "&&":
      return both(left, right, there, new Set([...there, ...shownThere(left)]))
    case "||":
      return both(left, right, there, there)
    default:
      return false
  }
}

function both(left: unknown, right: unknown, first: There, then: There): boolean {
  return isBoolean(left) && isBoolean(right) && safe(left, first) && safe(right, then)
}

function isOf(kind: string, expression: unknown): boolean {
  return ALWAYS.get(keyOf(expression)) === kind || (constantOf(expression)?.startsWith(`${kind} `) ?? false)
}

/** Members that exist if it is true. */
function shownThere(expression: unknown): readonly string[] {
  const [operator, operands] = entryOf(expression)
  if (!isNode(operands)) return []
  const { left, right, attr } = operands
  if (operator === "&&") return [...shownThere(left), ...shownThere(right)]
  return operator === "has" && typeof attr === "string" ? [keyOf(member(left, attr))] : []
}

function entryOf(expression: unknown): readonly [string, unknown] {
  return isNode(expression) ? (Object.entries(expression)[0] ?? ["", null]) : ["", null]
}
