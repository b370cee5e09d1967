/**
 * Reads Cedar's JSON policy format (Cedar documentation, "JSON policy format"): shapes only, no meaning. What is
 * missing or unknown is rejected when the rule is compiled, so that no decision ever meets it.
 */

/** Names the rule and the operator. A build reports it as a problem; at an edge the call is denied. */
export class UnsupportedOperator extends Error {
  override readonly name = "UnsupportedOperator"
  readonly rule: string
  readonly operator: string

  constructor(rule: string, operator: string) {
    super(`rule ${JSON.stringify(rule)}: ${operator} is not supported at the edge`)
    this.rule = rule
    this.operator = operator
  }
}

export type Node = Readonly<Record<string, unknown>>

/** The one point where JSON of unknown shape gets a type: the members of an object are unknown in turn. */
export function isNode(json: unknown): json is Node {
  return typeof json === "object" && json !== null && !Array.isArray(json)
}

/** `where` names the part in the error. */
export function readNode(json: unknown, rule: string, where: string): Node {
  if (!isNode(json)) throw new UnsupportedOperator(rule, `a malformed ${where}`)
  return json
}

export function readList(json: unknown, rule: string, where: string): readonly unknown[] {
  if (!Array.isArray(json)) throw new UnsupportedOperator(rule, `a malformed ${where}`)
  return json
}

export function readText(json: unknown, rule: string, where: string): string {
  if (typeof json !== "string") throw new UnsupportedOperator(rule, `a malformed ${where}`)
  return json
}

/** An expression is an object with one member, named after its operator. */
export function readOperator(expression: unknown, rule: string): readonly [operator: string, operands: unknown] {
  const [only, ...others] = Object.entries(readNode(expression, rule, "expression"))
  if (only === undefined || others.length > 0) throw new UnsupportedOperator(rule, "a malformed expression")
  return only
}
