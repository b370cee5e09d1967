/** Reads the conditions of a rule as terms (Cedar documentation, "JSON policy format"). */
import { isNode, type Node } from "../../../src/core/policy/cedar/est.ts"

/** One requirement of a rule: an expression, and the value that it must have. */
export interface Conjunct {
  readonly expression: unknown
  readonly expected: boolean
  /** Which condition it belongs to, and which of its operands it is. */
  readonly condition: number
  readonly operand: number
}

/** All requirements, in the order in which they are evaluated. */
export function conjunctsOf(policy: Node): readonly Conjunct[] {
  const conditions = Array.isArray(policy["conditions"]) ? policy["conditions"] : []
  return conditions.flatMap((json: unknown, condition) => {
    if (!isNode(json)) return []
    const expected = json["kind"] === "when"
    return operandsOf(json["body"], expected ? "&&" : "||").map((expression, operand) => ({
      expression,
      expected,
      condition,
      operand,
    }))
  })
}

function operandsOf(expression: unknown, operator: "&&" | "||"): readonly unknown[] {
  const pair = isNode(expression) ? expression[operator] : undefined
  return isNode(pair) ? [...operandsOf(pair["left"], operator), ...operandsOf(pair["right"], operator)] : [expression]
}

/** Equal for the same expression. The official engine writes members in one order. */
export function keyOf(expression: unknown): string {
  return JSON.stringify(expression)
}

export function member(left: unknown, attr: string): Node {
  return { ".": { left, attr } }
}

/** `context.task.purpose` → its expression. */
export function pathTerm(path: string): Node {
  const [variable, ...names] = path.split(".")
  return names.reduce<Node>(member, { Var: variable })
}

/**
 * Equal exactly for equal values: texts, booleans, entities and integers that JSON keeps; null if it is none of these.
 */
export function constantOf(expression: unknown): string | null {
  const number = integerOf(expression)
  if (number !== null) return `number ${number}`
  if (!isNode(expression)) return null
  const value = expression["Value"]
  if (typeof value === "string") return `text ${value}`
  if (typeof value === "boolean") return `boolean ${value}`
  const uid = isNode(value) ? value["__entity"] : undefined
  return isNode(uid) ? `entity ${JSON.stringify([uid["type"], uid["id"]])}` : null
}

export function integerOf(expression: unknown): number | null {
  if (!isNode(expression)) return null
  const { Value: value, neg } = expression
  if (typeof value === "number") return Number.isSafeInteger(value) ? value : null
  const negated = isNode(neg) ? integerOf(neg["arg"]) : null
  return negated === null ? null : -negated
}

/** The members of a literal set, if all are constants. */
export function constantsOf(expression: unknown): readonly string[] | null {
  const listed = isNode(expression) ? expression["Set"] : undefined
  if (!Array.isArray(listed)) return null
  const constants = listed.map(constantOf)
  return constants.every((constant) => constant !== null) ? constants : null
}

/** As a person wrote it. */
export function shownConstant(constant: string): string {
  const [kind, value] = [constant.slice(0, constant.indexOf(" ")), constant.slice(constant.indexOf(" ") + 1)]
  return kind === "text" ? JSON.stringify(value) : value
}

/** Whether any part of it is one of these variables. */
export function readsAny(expression: unknown, variables: readonly string[]): boolean {
  if (Array.isArray(expression)) return expression.some((part) => readsAny(part, variables))
  if (!isNode(expression)) return false
  if (typeof expression["Var"] === "string" && variables.includes(expression["Var"])) return true
  return Object.entries(expression).some(([name, part]) => name !== "Value" && readsAny(part, variables))
}
