import { expect, test } from "vitest"
import { redacted } from "../../src/audit/redaction.ts"

const bundle = { seq: 2, digest: "0".repeat(64) }
const denial = { reason: "argument_out_of_bounds", scope: "a.b:read", argument: "name", bound: 'eq "told"' } as const
const differs = {
  decision: "deny",
  code: "insufficient_scope",
  denial,
  principal: null,
  rules: [],
  scope: null,
} as const
const parts = { path: "/of/alice", arguments: { name: "alice", age: 7 }, denial, candidate: { bundle, differs } }
const hidden = { ...denial, bound: "eq [redacted]" }

test("every part that can hold an argument is told without it, a candidate's denial too", () => {
  expect(redacted(parts, ["name"], [null, "name"])).toEqual({
    path: "/of/[redacted]",
    arguments: { name: "[redacted]", age: 7 },
    denial: hidden,
    candidate: { bundle, differs: { ...differs, denial: hidden } },
  })
})

test("what nobody redacts stays as it is", () => {
  expect(redacted(parts, ["other"], [null, "name"])).toEqual(parts)
  expect(redacted(parts, [], [null, "name"])).toBe(parts)
})
