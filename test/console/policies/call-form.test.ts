import { describe, expect, test } from "vitest"
import { explanationRequestOf, callFormOf } from "../../../src/console/policies/call-form.ts"

const requestOf = (fields: Readonly<Record<string, string>>) => {
  const all: Readonly<Record<string, string>> = { agent: "a:b", tool: "t.u", ...fields }
  return explanationRequestOf(callFormOf((name) => all[name]))
}

describe("a call in a form", () => {
  test("becomes the request that it describes, and nothing that it leaves out", () => {
    expect(requestOf({})).toEqual({
      body: {
        bundle: "live",
        call: { agent: "a:b", tool: "t.u", user: null, arguments: {}, labels: [], approvals: [], bound_key: false },
      },
    })
    expect(
      requestOf({
        bundle: "candidate",
        user: "i|s",
        groups: "a, b,,",
        arguments: '{"n": 1}',
        calls: "3",
        acr: "mfa",
        bound_key: "yes",
      }),
    ).toMatchObject({
      body: {
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
    expect(requestOf(fields)).toHaveProperty("wrong")
  })
})
