import { expect, test } from "vitest"
import type { Redaction } from "../../../src/core/record/fields/field.ts"
import { redacted, type RedactableParts } from "../../../src/core/record/redaction.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { assembled } from "../../harness/trees.ts"

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
const parts: RedactableParts = {
  path: "/of/alice",
  arguments: { name: "alice", age: 7 },
  denial,
  candidate: { bundle, differs },
}
const hidden = { ...denial, bound: "eq [redacted]" }

/** A catalog in which one tool redacts these. */
function catalog(redact: readonly string[]): ReadonlyMap<string, Tool> {
  const [tool] = assembled().catalog.tools.values()
  if (!tool) throw new Error("no tool")
  return new Map([["other.tool", { ...tool, redact }]])
}

const by = (redact: readonly string[], ofOther: readonly string[]): Redaction => ({
  redact,
  segments: [null, "name"],
  tools: catalog(ofOther),
})

test("every part that can hold an argument is told without it, a candidate's denial too", () => {
  expect(redacted(parts, by(["name"], ["name"]))).toEqual({
    path: "/of/[redacted]",
    arguments: { name: "[redacted]", age: 7 },
    denial: hidden,
    candidate: { bundle, differs: { ...differs, denial: hidden } },
  })
})

test("a candidate's bound is told without its value if another tool redacts the argument", () => {
  expect(redacted(parts, by([], ["Name"]))).toEqual({
    ...parts,
    candidate: { bundle, differs: { ...differs, denial: hidden } },
  })
})

test("what nobody redacts stays as it is", () => {
  expect(redacted(parts, by(["other"], ["other"]))).toEqual(parts)
  expect(redacted(parts, by([], []))).toEqual(parts)
})
