import { describe, expect, test } from "vitest"
import { entityStore } from "../../../../src/core/policy/cedar/entities.ts"
import { compileExpression } from "../../../../src/core/policy/cedar/expression.ts"
import { EvaluationError } from "../../../../src/core/policy/cedar/values/evaluation-error.ts"
import { type Value, fromJson } from "../../../../src/core/policy/cedar/values/value.ts"
import { requestOf } from "../arbitrary-policy.ts"
import { CONTEXT, CORNERS, ENTITIES, ERRS, REQUEST, dot, like, literal, op, record, set } from "../corners.ts"

const store = entityStore(ENTITIES)
const request = requestOf({ ...REQUEST, context: CONTEXT })

function evaluate(expression: unknown): Value | typeof ERRS {
  const compiled = compileExpression(expression, "rule")
  try {
    return compiled(request, store)
  } catch (error) {
    if (error instanceof EvaluationError) return ERRS
    throw error
  }
}

describe.each(Object.entries(CORNERS))("%s", (_, corners) => {
  test.each(corners.map((corner, index) => [index, ...corner] as const))("%i: %j", (_index, expression, result) => {
    expect(evaluate(expression)).toEqual(result === ERRS ? ERRS : fromJson(result))
  })
})

test("like takes no time to speak of on a pattern made to be slow", () => {
  const pattern = Array.from({ length: 200 }, () => [null, "a"]).flat()
  expect(evaluate(like(literal("a".repeat(50_000)), ...pattern, "b"))).toBe(false)
})

test("a set of what the request says is built anew, one of literals is not", () => {
  const five = dot({ Var: "context" }, "n")
  expect(evaluate(op("==", set(five, literal(5)), literal([5])))).toBe(true)
  const compiled = compileExpression(set(literal(1), set(literal(2)), record({ a: set() })), "rule")
  expect(compiled(request, store)).toBe(compiled(request, store))
})
