/**
 * One expression of a rule, compiled to a closure. The table lists the forms that are not plain operators on values:
 * those that name something, build something, or do not evaluate all of their operands. Any form outside the tables is
 * rejected.
 */
import { UnsupportedOperator, readList, readNode, readOperator, readText } from "./est.ts"
import { type Evaluate, type PolicyRequest } from "./evaluate.ts"
import type { ExtensionFunction } from "./values/extension.ts"
import { FUNCTIONS, call } from "./values/functions.ts"
import { compilePattern } from "./like.ts"
import { constant, fold, readLiteral } from "./literal.ts"
import { BINARY, type Binary, UNARY, type Unary, asEntity, attribute, isInAny, optionalAttribute } from "./operators.ts"
import { asBoolean, asText } from "./values/evaluation-error.ts"
import { type Value, set } from "./values/value.ts"

export function compileExpression(expression: unknown, rule: string): Evaluate {
  const [operator, operands] = readOperator(expression, rule)
  const binary = BINARY.get(operator)
  if (binary !== undefined) return compileBinary(binary, operator, operands, rule)
  const unary = UNARY.get(operator)
  if (unary !== undefined) return compileUnary(unary, operator, operands, rule)
  const called = FUNCTIONS.get(operator)
  if (called !== undefined) return compileCall(called, operator, operands, rule)
  const form = FORMS.get(operator)
  if (form === undefined) throw new UnsupportedOperator(rule, operator)
  return form(operands, rule)
}

type Form = (operands: unknown, rule: string) => Evaluate

const FORMS: ReadonlyMap<string, Form> = new Map<string, Form>([
  ["Value", compileLiteral],
  ["Var", compileVariable],
  ["&&", compileAnd],
  ["||", compileOr],
  ["if-then-else", compileIf],
  [".", compileAttribute],
  ["has", compileHas],
  ["is", compileIs],
  ["like", compileLike],
  ["Set", compileSet],
  ["Record", compileRecord],
])

function compileBinary({ apply, units }: Binary, operator: string, operands: unknown, rule: string): Evaluate {
  const { left, right } = compilePair(operands, rule, operator)
  if (!units) return (request, entities) => apply(left(request, entities), right(request, entities), entities)
  return (request, entities) => {
    const [one, other] = [left(request, entities), right(request, entities)]
    const more = units(one, other)
    if (more > 0) request.work.take(more)
    return apply(one, other, entities)
  }
}

function compileUnary(apply: Unary, operator: string, operands: unknown, rule: string): Evaluate {
  const operand = compileExpression(readNode(operands, rule, operator).arg, rule)
  return (request, entities) => apply(operand(request, entities))
}

/** `ip("10.0.0.0/8")` is read once, not at every decision. */
function compileCall(called: ExtensionFunction, operator: string, operands: unknown, rule: string): Evaluate {
  const args = readList(operands, rule, operator).map((arg) => compileExpression(arg, rule))
  return fold(args, (values) => call(called, values), UNITS_OF_CALL)
}

function compilePair(operands: unknown, rule: string, operator: string): { left: Evaluate; right: Evaluate } {
  const pair = readNode(operands, rule, operator)
  return { left: compileExpression(pair.left, rule), right: compileExpression(pair.right, rule) }
}

function compileLiteral(json: unknown, rule: string): Evaluate {
  return constant(readLiteral(json, rule))
}

const VARIABLES: ReadonlyMap<string, Evaluate> = new Map<string, Evaluate>([
  ["principal", (request: PolicyRequest) => request.principal],
  ["action", (request: PolicyRequest) => request.action],
  ["resource", (request: PolicyRequest) => request.resource],
  ["context", (request: PolicyRequest) => request.context],
])

function compileVariable(name: unknown, rule: string): Evaluate {
  const variable = VARIABLES.get(readText(name, rule, "variable"))
  if (variable === undefined) throw new UnsupportedOperator(rule, `the variable ${String(name)}`)
  return variable
}

function compileAnd(operands: unknown, rule: string): Evaluate {
  const { left, right } = compilePair(operands, rule, "&&")
  return (request, entities) => asBoolean(left(request, entities)) && asBoolean(right(request, entities))
}

function compileOr(operands: unknown, rule: string): Evaluate {
  const { left, right } = compilePair(operands, rule, "||")
  return (request, entities) => asBoolean(left(request, entities)) || asBoolean(right(request, entities))
}

function compileIf(operands: unknown, rule: string): Evaluate {
  const parts = readNode(operands, rule, "if-then-else")
  const test = compileExpression(parts.if, rule)
  const then = compileExpression(parts.then, rule)
  const otherwise = compileExpression(parts.else, rule)
  return (request, entities) => (asBoolean(test(request, entities)) ? then : otherwise)(request, entities)
}

function compileAttribute(operands: unknown, rule: string): Evaluate {
  const parts = readNode(operands, rule, ".")
  const left = compileExpression(parts.left, rule)
  const name = readText(parts.attr, rule, ".")
  return (request, entities) => attribute(left(request, entities), name, entities)
}

/** `e has a.b` is `e has a && e.a has b` (Cedar RFC 62): what precedes a dot must be a record or an entity. */
function compileHas(operands: unknown, rule: string): Evaluate {
  const parts = readNode(operands, rule, "has")
  const left = compileExpression(parts.left, rule)
  const path = Array.isArray(parts.attr) ? readList(parts.attr, rule, "has") : [parts.attr]
  const names = path.map((name) => readText(name, rule, "has"))
  if (names.length === 0) throw new UnsupportedOperator(rule, "a malformed has")
  return (request, entities) => {
    let value: Value | undefined = left(request, entities)
    for (const name of names) {
      value = optionalAttribute(value, name, entities)
      if (value === undefined) return false
    }
    return true
  }
}

/** `e is T in g` is `e is T && e in g`: `g` is not evaluated if the type differs. */
function compileIs(operands: unknown, rule: string): Evaluate {
  const parts = readNode(operands, rule, "is")
  const left = compileExpression(parts.left, rule)
  const type = readText(parts.entity_type, rule, "is")
  if (parts.in === undefined) return (request, entities) => asEntity(left(request, entities)).type === type
  const group = compileExpression(parts.in, rule)
  return (request, entities) => {
    const ref = asEntity(left(request, entities))
    return ref.type === type && isInAny(ref, group(request, entities), entities)
  }
}

function compileLike(operands: unknown, rule: string): Evaluate {
  const parts = readNode(operands, rule, "like")
  const left = compileExpression(parts.left, rule)
  const matches = compilePattern(parts.pattern, rule)
  return (request, entities) => {
    const text = asText(left(request, entities))
    // Each principal asks the same of the same text.
    return text.length > LONG_TEXT ? request.work.once(matches, text, text.length) : matches(text)
  }
}
/** A shorter text is matched in less time than it takes to remember it. */
const LONG_TEXT = 256

/** Units of reading a text as an extension value. */
const UNITS_OF_CALL = 60

function compileSet(operands: unknown, rule: string): Evaluate {
  const items = readList(operands, rule, "Set").map((item) => compileExpression(item, rule))
  return fold(items, set, 0)
}

function compileRecord(operands: unknown, rule: string): Evaluate {
  const members = Object.entries(readNode(operands, rule, "Record"))
  const items = members.map(([, item]) => compileExpression(item, rule))
  const names = members.map(([name]) => name)
  return fold(
    items,
    (values) => {
      const entries = new Map<string, Value>()
      for (const [index, value] of values.entries()) entries.set(names[index] ?? "", value)
      return entries
    },
    0,
  )
}
