/** Rules as people read them: Cedar's own parser takes what is written for the very rule that it was made of. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { ruleToJson } from "../../cli/compiler/rules/exact-rule.ts"
import { splitRules } from "../../cli/compiler/rules/split-rules.ts"
import { writeRule } from "../../src/core/policy/cedar/print-rule.ts"
import { compileRules } from "../../src/core/policy/cedar/engine.ts"
import type { LoweredRule } from "../../src/core/policy/cedar/lowered.ts"
import { readScope } from "../../src/core/policy/cedar/scope.ts"

const ROOT = join(import.meta.dirname, "../..")
const FILES = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter(
  (path) => path.endsWith(".cedar") && !path.includes("node_modules") && !path.startsWith("build"),
)

/** What else there is in the grammar, once each, and what parentheses are for. */
const CONDITIONS = [
  'context.a == 1 || context.b == 2 && !(context.c == 3 || context.d == "x")',
  "(context.a || context.b) && context.c",
  "(context.a || context.b) && (context.c.d.e.f.g == context.d.e.f.g.h) && (context.a && context.b) && context.d has e",
  "if context.a.b.c.d.e.f.g.h.i.j.k then context.a.b.c.d.e.f.g.h.i.j.k.l else context.a.b.c.d.e",
  "context.a && (context.b && context.c)",
  "context.a - (context.b - 3) * -2 + -(5) < 7",
  "(context.a + 1) * 2 >= -9223372036854775808",
  "-(-context.a) != 9007199254740993",
  'if context has a.b then context.a.b like "*\\*é\\u{202e}\\"*" else principal is User in Group::"g"',
  '(if context.a then context.b else context.c).contains({"k": [1, "two", ip("10.0.0.0/8")]})',
  'context["a b"] has "if" && resource in [Tool::"a", Tool::"b\\"\\n"] && context.s.containsAll([1]) && context.s.isEmpty()',
  'principal.hasTag("t") && principal.getTag("t") == "v" || context.s.containsAny(["\\0", "\\u{1F600}"])',
  'datetime("2026-01-01").offset(duration("1d")).toDate() == context.t && decimal("1.5").lessThan(context.d)',
  "!(!context.a) && (context.b == context.c) == true",
]

function lowered(text: string): LoweredRule {
  const answer = ruleToJson(text, "policy")
  if (answer.type === "failure") throw new Error(`${text}: ${answer.errors.map(({ message }) => message).join()}`)
  const { annotations } = Object(answer.json)
  const { id = "r", remedy, message } = Object(annotations)
  return {
    id,
    policy: answer.json,
    reads: [],
    ...(remedy !== undefined && { remedy }),
    ...(message !== undefined && { message }),
  }
}

const scopeIn = ({ id, policy }: LoweredRule) => {
  const { principal, action, resource } = Object(policy)
  return { principal: readScope(principal, id), action: readScope(action, id), resource: readScope(resource, id) }
}

function expectSame(text: string): void {
  const rule = lowered(text)
  const again = lowered(writeRule(rule, scopeIn(rule)))
  const { annotations: _annotations, ...policy } = Object(rule.policy)
  const { annotations: _more, ...policyAgain } = Object(again.policy)
  expect(policyAgain, text).toEqual(policy)
  expect([again.id, again.remedy, again.message]).toEqual([rule.id, rule.remedy, rule.message])
}

describe("a rule that is written out is the same rule again", () => {
  test.each(CONDITIONS)("%s", (condition) => {
    expectSame(`@id("a") permit (principal, action, resource) when { ${condition} } unless { context.x };`)
  })

  test.each([
    'permit (principal == User::"a\\u{1}\\"b", action, resource is Tool);',
    'forbid (principal is User in Group::"g h", action in [Action::"read", Action::"write"], resource in Server::"é");',
    'permit (principal, action in Action::"read", resource == Tool::"x");',
    "permit (principal, action in [], resource);",
  ])("%s", expectSame)

  test.each(FILES)("all of %s", (file) => {
    const rules = splitRules(readFileSync(join(ROOT, file), "utf8")).filter(
      ({ text }) => !/\?(?:principal|resource)/.test(text),
    )
    for (const { text } of rules) expectSame(text)
  })

  test("also out of a bundle, which keeps its scope elsewhere", () => {
    const rules = FILES.filter((file) => file.startsWith("policies")).flatMap((file) =>
      splitRules(readFileSync(join(ROOT, file), "utf8")).map(({ text }) => lowered(text)),
    )
    const found = new Map(
      [...compileRules(rules).written()].map(({ rule, scope }) => [rule.id, writeRule(rule, scope)]),
    )
    expect(found.size).toBe(rules.length)
    expect(found.size).toBeGreaterThan(5)
    const sorted = (rule: LoweredRule) =>
      Object.entries(scopeIn(rule)).map(([variable, keys]) => [variable, keys.toSorted()])
    for (const rule of rules) {
      const again = lowered(found.get(rule.id) ?? "")
      expect(sorted(again)).toEqual(sorted(rule))
      expect(Object(again.policy).conditions).toEqual(Object(rule.policy).conditions)
    }
  })
})
