/** Circles, on the whole step of a call: what goes round, and what only repeats itself. */
import { describe, expect, inject, test } from "vitest"
import type { Cycle } from "../../../src/core/guardrails/cycle.ts"
import { assembled, callOf, newState, open, opened, reasonOf } from "../../harness/trees.ts"

const CYCLE: Cycle = {
  kind: "cycle",
  id: "round",
  of: { tools: ["*"] },
  consequence: "deny",
  longest: 3,
  times: 3,
  per: "task",
}

/** What each of these calls comes to, one letter a call: a file that is read. */
function walk(calls: string): readonly string[] {
  const bundle = assembled({ ...inject("yard"), guardrails: [CYCLE] })
  const state = newState()
  const held = opened(open(bundle, state, "first"))
  return Array.from(calls, (file) => reasonOf(bundle, state, callOf(held, "files.read", { file })))
}

describe("a circle", () => {
  test.each([
    ["of two calls is not closed a third time", "ababab", 5],
    ["of three", "abcabcabc", 8],
    ["that has a call twice in a row", "aabaabaab", 8],
    ["that begins somewhere on the way", "xbaababab", 8],
  ])("%s", (_what, calls, at) => {
    const reasons = walk(calls)
    expect(reasons.slice(0, at)).toEqual(Array.from({ length: at }, () => "allowed"))
    expect(reasons[at]).toBe("calls_circle")
  })

  test.each([
    ["one call, over and over: a matter of `repeats`", "aaaaaaaaaaaa"],
    ["a circle that is left in time", "ababacabab"],
    ["a circle longer than what is looked for", "abcdabcdabcdabcd"],
  ])("is not %s", (_what, calls) => {
    expect(new Set(walk(calls))).toEqual(new Set(["allowed"]))
  })
})
