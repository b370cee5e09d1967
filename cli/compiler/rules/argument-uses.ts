/**
 * The type that a rule takes an argument to have, by what it does with it: so that an error about a missing declaration
 * can give the line to add. From the rule in Cedar's JSON policy format.
 */
import { isNode, type Node } from "../../../src/core/policy/cedar/est.ts"
import { memberKey } from "../model/schema-types.ts"

const NUMERIC = new Set(["<", "<=", ">", ">=", "+", "-", "*"])
const LOGICAL = new Set(["&&", "||"])
const OF_DECIMALS = new Set(["lessThan", "lessThanOrEqual", "greaterThan", "greaterThanOrEqual"])

/** What is known of a path within the arguments; null: that it exists. */
type Uses = Map<string, Use>
interface Use {
  type: string | null
  readonly members: Uses
}

/** Types by argument; null if nothing shows it. */
export function usedTypes(policy: Readonly<Record<string, unknown>>): ReadonlyMap<string, string | null> {
  const uses: Uses = new Map()
  const conditions = Array.isArray(policy.conditions) ? policy.conditions : []
  for (const condition of conditions) if (isNode(condition)) visit(condition.body, "Bool", uses)
  return new Map(Array.from(uses, ([name, use]) => [name, typeOf(use)]))
}

function typeOf({ type, members }: Use): string | null {
  if (members.size === 0) return type
  const inner = Array.from(members, ([name, use]) => `${memberKey(name)}?: ${typeOf(use) ?? "String"}`)
  return `{ ${inner.join(", ")} }`
}

function note(path: readonly string[], type: string | null, uses: Uses): void {
  const [name, ...rest] = path
  if (name === undefined) return
  const use: Use = uses.get(name) ?? { type: null, members: new Map() }
  uses.set(name, use)
  if (rest.length === 0) use.type ??= type
  else note(rest, type, use.members)
}

/** @param expected the type that the place of the expression asks for; null: any */
function visit(json: unknown, expected: string | null, uses: Uses): void {
  if (!isNode(json)) return
  const path = pathOf(json)
  if (path) return note(path, expected, uses)
  for (const [operator, operands] of Object.entries(json)) {
    if (operator === "Value") continue
    if (Array.isArray(operands)) visitCall(operator, operands, uses)
    else if (isNode(operands)) visitOperator(operator, operands, uses)
  }
}

/** Of extension functions and methods, and of sets. */
function visitCall(operator: string, operands: readonly unknown[], uses: Uses): void {
  const expected = operator === "decimal" || OF_DECIMALS.has(operator) ? "decimal" : null
  for (const operand of operands) visit(operand, expected, uses)
}

function visitOperator(operator: string, operands: Node, uses: Uses): void {
  const { left, right, arg } = operands
  if (operator === "has") {
    const path = pathOf(left)
    const names: readonly unknown[] = Array.isArray(operands.attr) ? operands.attr : [operands.attr]
    if (path) return note([...path, ...names.filter((name) => typeof name === "string")], null, uses)
  }
  if (operator === "Record") {
    for (const member of Object.values(operands)) visit(member, null, uses)
    return
  }
  const other = (operand: unknown): string | null => {
    if (operator === "==" || operator === "!=") return typeOfLiteral(operand)
    // Moments and durations are compared so, too.
    if (NUMERIC.has(operator)) return typeOfLiteral(operand) ?? (isCall(operand) ? null : "Long")
    return LOGICAL.has(operator) ? "Bool" : null
  }
  switch (operator) {
    case "like":
      return visit(left, "String", uses)
    case "contains": {
      const member = typeOfLiteral(right)
      visit(left, member && `Set<${member}>`, uses)
      return visit(right, elementOf(typeOfLiteral(left)), uses)
    }
    case "containsAll":
    case "containsAny":
      visit(left, typeOfLiteral(right), uses)
      return visit(right, typeOfLiteral(left), uses)
    case "isEmpty":
      return visit(arg, "Set<String>", uses)
    case "!":
      return visit(arg, "Bool", uses)
    case "neg":
      return visit(arg, "Long", uses)
    case "if-then-else":
      visit(operands.if, "Bool", uses)
      visit(operands.then, null, uses)
      return visit(operands.else, null, uses)
    default:
      visit(left, other(right), uses)
      visit(right, other(left), uses)
      return visit(arg, null, uses)
  }
}

/** The names below `context.arguments`; null if the expression reads something else, or all of them. */
function pathOf(json: unknown): readonly string[] | null {
  if (!isNode(json)) return null
  const access = json["."]
  if (!isNode(access) || !isNode(access.left) || typeof access.attr !== "string") return null
  if (access.left.Var === "context") return access.attr === "arguments" ? [] : null
  const left = pathOf(access.left)
  return left && [...left, access.attr]
}

function typeOfLiteral(json: unknown): string | null {
  if (!isNode(json)) return null
  if ("Value" in json) {
    const { Value: value } = json
    if (typeof value === "string") return "String"
    if (typeof value === "boolean") return "Bool"
    // A long integer is a call of `long` in lowered rules.
    return typeof value === "number" || (isNode(value) && isNode(value["__extn"])) ? "Long" : null
  }
  if (Array.isArray(json["Set"])) {
    const member = typeOfLiteral(json["Set"][0])
    return member && `Set<${member}>`
  }
  return "decimal" in json ? "decimal" : null
}

function elementOf(set: string | null): string | null {
  return set === null ? null : (/^Set<(.*)>$/u.exec(set)?.[1] ?? null)
}

const isCall = (json: unknown): boolean => isNode(json) && Object.values(json).some(Array.isArray)
