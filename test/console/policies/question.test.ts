import { describe, expect, test } from "vitest"
import { questionOf, writtenIn } from "../../../src/console/policies/question.ts"

const asked = (fields: Readonly<Record<string, string>>) => {
  const all: Readonly<Record<string, string>> = { agent: "a:b", tool: "t.u", ...fields }
  return questionOf(writtenIn((name) => all[name]))
}

describe("a call in a form", () => {
  test("becomes the question that it says, and nothing that it leaves out", () => {
    expect(asked({})).toEqual({
      question: {
        bundle: "live",
        call: { agent: "a:b", tool: "t.u", user: null, arguments: {}, labels: [], approvals: [], bound_key: false },
      },
    })
    expect(
      asked({
        bundle: "candidate",
        user: "i|s",
        groups: "a, b,,",
        arguments: '{"n": 1}',
        calls: "3",
        acr: "mfa",
        bound_key: "yes",
      }),
    ).toMatchObject({
      question: {
        bundle: "candidate",
        call: { user: { id: "i|s", groups: ["a", "b"], acr: "mfa" }, arguments: { n: 1 }, calls: 3, bound_key: true },
      },
    })
  })

  test.for<Readonly<Record<string, string>>>([
    { agent: "" },
    { tool: "" },
    { arguments: "[1]" },
    { arguments: "null" },
    { arguments: '{"a": 1, "a": 2}' },
    { arguments: "{" },
    { calls: "-1" },
    { risk: "many" },
    { auth_age: "1e3" },
    { user: "alice" },
  ])("%j is said to be wrong, and not asked", (fields) => {
    expect(asked(fields)).toHaveProperty("wrong")
  })
})
