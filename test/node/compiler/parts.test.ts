import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { ruleToJson } from "../../../cli/compiler/rules/exact-rule.ts"
import { operandsIn, partsOf, type Extent } from "../../../cli/compiler/rules/rule-parts.ts"
import { conjunctsOf } from "../../../cli/compiler/reasoning/term.ts"
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import { rules } from "./lints/arbitrary-rules.ts"

const RULE = `@id("when { a && b }")
@note("permit (x, y, z)") // forbid (
permit (
  principal in Group::"a,b", // , "
  action in [Action::"r", Action::"w"],
  resource
)
when { (a == "&&" && (b || c)) && [1, 2].contains(d) }
unless { if a then b || c else d }
unless { x || (y || z && u) };`

const slice = ({ from, to }: Extent) => RULE.slice(from, to)

describe("the parts of a rule", () => {
  it("are found among comments, strings and brackets", () => {
    const { effect, principal, action, resource, conditions } = partsOf(RULE)
    expect([effect, principal, action, resource].map(slice)).toEqual([
      "permit",
      'principal in Group::"a,b"',
      'action in [Action::"r", Action::"w"]',
      "resource",
    ])
    expect(conditions.map(slice).map((body) => body.trim())).toEqual([
      '(a == "&&" && (b || c)) && [1, 2].contains(d)',
      "if a then b || c else d",
      "x || (y || z && u)",
    ])
    const [first, second, third] = conditions.map((body, index) => operandsIn(RULE, body, index === 0 ? "&&" : "||"))
    expect(first?.map(slice)).toEqual(['a == "&&"', "b || c", "[1, 2].contains(d)"])
    expect(second?.map(slice)).toEqual(["if a then b || c else d"])
    expect(third?.map(slice)).toEqual(["x", "y", "z && u"])
  })

  it("are those that the official parser finds: no warning stands at another operand", () => {
    fc.assert(
      fc.property(rules, (all) => {
        for (const text of all) {
          const lowered = ruleToJson(text, "policy")
          if (lowered.type === "failure") throw new Error(text)
          const conjuncts = conjunctsOf(lowered.json)
          const written = partsOf(text).conditions
          const { conditions } = lowered.json
          const kinds = Array.isArray(conditions) ? conditions.map((json: unknown) => isNode(json) && json["kind"]) : []
          expect(written).toHaveLength(kinds.length)
          for (const [index, body] of written.entries()) {
            const operator = kinds[index] === "unless" ? "||" : "&&"
            const expected = conjuncts.filter(({ condition }) => condition === index)
            const operands = operandsIn(text, body, operator)
            // Each, parsed by itself, is the expression that it is taken for.
            const alone = operands.map(({ from, to }) => {
              const one = ruleToJson(`permit (principal, action, resource) when { ${text.slice(from, to)} };`, "policy")
              const parsed = one.type === "success" ? one.json["conditions"] : undefined
              return Array.isArray(parsed) && isNode(parsed[0]) ? parsed[0]["body"] : undefined
            })
            expect(alone).toEqual(expected.map(({ expression }) => expression))
          }
        }
      }),
      { numRuns: 100 },
    )
  })
})
