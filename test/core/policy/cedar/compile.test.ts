import { describe, expect, test } from "vitest"
import { Work } from "../../../../src/core/encoding/work.ts"
import { Rule } from "../../../../src/core/policy/cedar/compile.ts"
import { entityStore } from "../../../../src/core/policy/cedar/entities.ts"
import { UnsupportedOperator } from "../../../../src/core/policy/cedar/est.ts"
import { EvaluationError } from "../../../../src/core/policy/cedar/values/evaluation-error.ts"
import { entity, record } from "../../../../src/core/policy/cedar/values/value.ts"

const ALL = { op: "All" }
const SCOPE = { effect: "permit", principal: ALL, action: ALL, resource: ALL, conditions: [] }
const compile = (policy: unknown) => {
  const rule = new Rule({ id: "the-rule", policy, reads: [] })
  void rule.scope
  rule.compile()
  return rule
}
const when = (body: unknown) => ({ kind: "when", body })
const unless = (body: unknown) => ({ kind: "unless", body })
const TRUE = { Value: true }
const FALSE = { Value: false }
const ERRS = { Value: 1 }
const none = entityStore([])
const request = {
  principal: entity("User", "a"),
  action: entity("Action", "read"),
  resource: entity("Tool", "t"),
  context: record([]),
  work: new Work(Infinity),
}

describe("what the evaluator does not know is refused by name when the rule is compiled", () => {
  const pair = { left: { Var: "principal" }, right: { Value: "x" } }
  const unknown: readonly (readonly [body: unknown, operator: string])[] = [
    [{ "/": pair }, "/"],
    [{ constructor: pair }, "constructor"],
    [{ Slot: "?principal" }, "Slot"],
    [{ Var: "request" }, "the variable request"],
    [{ unknown: [{ Value: "x" }] }, "unknown"],
    [{ ip: { Value: "10.0.0.1" } }, "a malformed ip"],
    [{ Value: { __extn: { fn: "ip", arg: "10.0.0.256" } } }, "a literal that is no Cedar value"],
    [{ Value: 9007199254740992 }, "an integer beyond 2^53 - 1 as a number"],
    [{ Value: 1.5 }, "a literal that is no Cedar value"],
    [{ Value: null }, "a literal that is no Cedar value"],
    [{ Set: [{ Value: 9007199254740992 }] }, "an integer beyond 2^53 - 1 as a number"],
    [{ has: { left: { Var: "context" }, attr: [] } }, "a malformed has"],
    [{ like: { left: { Value: "" }, pattern: ["Joker"] } }, "a malformed like"],
    [{ like: { left: { Value: "" }, pattern: [{ Literal: 1 }] } }, "a malformed like"],
    [{ like: { left: { Value: "" }, pattern: 1 } }, "a malformed like"],
    [{ has: { left: { Var: "context" }, attr: [1] } }, "a malformed has"],
    [{ ".": { left: { Var: "context" }, attr: 1 } }, "a malformed ."],
    [{ is: { left: { Var: "context" }, entity_type: 1 } }, "a malformed is"],
    [{ Var: 1 }, "a malformed variable"],
    ...["&&", "||", "if-then-else", ".", "has", "is", "like", "Set", "Record", "==", "!", "decimal", "getTag"].map(
      (operator) => [{ [operator]: 1 }, `a malformed ${operator}`] as const,
    ),
    [{ "&&": { left: TRUE } }, "a malformed expression"],
    [{ Value: 1, Var: "principal" }, "a malformed expression"],
    [{}, "a malformed expression"],
    [undefined, "a malformed expression"],
  ]
  test.each(unknown)("%j: %s", (body, operator) => {
    // Also where it would never be looked at: the edge must not find out later.
    for (const hidden of [
      body,
      { "&&": { left: FALSE, right: body } },
      // oxlint-disable-next-line unicorn/no-thenable -- Cedar's own name of the branch, never awaited
      { "if-then-else": { if: TRUE, then: TRUE, else: body } },
    ]) {
      const refusal = refusalOf({ ...SCOPE, conditions: [when(hidden)] })
      expect(refusal.rule).toBe("the-rule")
      expect(refusal.operator).toBe(operator)
      expect(refusal.message).toContain(operator)
    }
  })

  const scopes: readonly (readonly [part: object, operator: string])[] = [
    [{ principal: { op: "==", slot: "?principal" } }, "the template slot ?principal"],
    [{ resource: { op: "in", slot: "?resource" } }, "the template slot ?resource"],
    [{ resource: { op: "is", entity_type: "Tool", in: { slot: "?resource" } } }, "the template slot ?resource"],
    [{ principal: { op: "like" } }, "like in a scope"],
    [{ action: { op: "==" } }, "a malformed scope"],
    [{ action: undefined }, "a malformed scope"],
    [{ effect: "allow" }, "a malformed effect"],
    [{ conditions: [{ kind: "where", body: TRUE }] }, "the condition where"],
    [{ conditions: undefined }, "a malformed policy"],
    [{ conditions: [1] }, "a malformed condition"],
    [{ conditions: [{ kind: 1, body: TRUE }] }, "a malformed condition"],
    [{ principal: { op: 1 } }, "a malformed scope"],
    [{ action: { op: "in", entities: 1 } }, "a malformed scope"],
    [{ resource: { op: "is", entity_type: 1 } }, "a malformed scope"],
    [{ resource: { op: "is", entity_type: "Tool", in: 1 } }, "a malformed scope"],
    [{ resource: { op: "in", slot: 1 } }, "a malformed scope"],
  ]
  test.each(scopes)("%j: %s", (part, operator) => {
    expect(refusalOf({ ...SCOPE, ...part }).operator).toBe(operator)
  })

  test("no policy at all", () => {
    expect(refusalOf(1).operator).toBe("a malformed policy")
  })

  function refusalOf(policy: unknown): UnsupportedOperator {
    try {
      compile(policy)
    } catch (error) {
      if (error instanceof UnsupportedOperator) return error
      throw error
    }
    throw new Error("nothing was refused")
  }
})

describe("conditions", () => {
  test.each([
    [[], true],
    [[when(TRUE)], true],
    [[when(FALSE)], false],
    [[unless(TRUE)], false],
    [[unless(FALSE)], true],
    [[when(TRUE), unless(FALSE), when(TRUE)], true],
    [[when(TRUE), unless(TRUE)], false],
    [[when(FALSE), when(ERRS)], false],
    [[unless(TRUE), when(ERRS)], false],
    [[when(TRUE), when(ERRS)], "errs"],
    [[when(ERRS), when(FALSE)], "errs"],
    [[unless(ERRS)], "errs"],
  ])("%j holds: %s", (conditions, expected) => {
    const rule = compile({ ...SCOPE, conditions })
    if (expected === "errs") expect(() => rule.holds(request, none)).toThrow(EvaluationError)
    else expect(rule.holds(request, none)).toBe(expected)
  })
})

test("conditions are compiled when first asked about, scope and effect at once", () => {
  const rule = new Rule({ id: "the-rule", policy: { ...SCOPE, conditions: [when({ nope: [] })] }, reads: [] })
  expect(() => rule.holds(request, none)).toThrow(UnsupportedOperator)
  expect(() => rule.compile()).toThrow(UnsupportedOperator)
})
