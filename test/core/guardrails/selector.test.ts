import { describe, expect, inject, test } from "vitest"
import type { ArgumentBounds } from "../../../src/core/catalog/bounds/definition.ts"
import { window } from "../../harness/guardrails.ts"
import { ALICE, assembled, callOf, newState, open, opened, reasonOf, scopes } from "../../harness/trees.ts"

const body = inject("yard")

/** What becomes of the second call with such a value, where one is admitted of those that keep to the bounds. */
function second(bounds: ArgumentBounds, values: Readonly<Record<string, unknown>>): string {
  const one = window({ id: "one", tools: ["files.list"], per: "task", limit: 1, seconds: 60 })
  const bundle = assembled({ ...body, guardrails: [{ ...one, of: { ...one.of, arguments: bounds } }] })
  const state = newState(ALICE)
  const held = opened(open(bundle, state, "first", null, { purpose: "work", asked: scopes("*:read") }))
  const call = (): string => reasonOf(bundle, state, callOf(held, "files.list", values))
  call()
  return call()
}

describe("a guardrail that is narrowed by arguments", () => {
  test.each<readonly [ArgumentBounds, Readonly<Record<string, unknown>>, boolean]>([
    [{ amount: { min: 100 } }, { amount: 150 }, true],
    [{ amount: { min: 100 } }, { amount: 50 }, false],
    [{ amount: { min: 100 } }, {}, false],
    // What an upstream may read as such a value must not get round it.
    [{ amount: { min: 100 } }, { amount: "150" }, true],
    [{ amount: { min: 100 } }, { amount: null }, true],
    [{ amount: { max: 100 } }, { amount: null }, true],
    [{ amount: { eq: 100 } }, { amount: null }, true],
    [{ channel: { in: ["external"] } }, { channel: null }, true],
    [{ channel: { like: "ext*" } }, { channel: null }, true],
    [{ channel: { max_length: 3 } }, { channel: null }, true],
    [{ amount: { min: 100 }, channel: { eq: "external" } }, { amount: null, channel: "internal" }, false],
    [{ amount: { min: 100 } }, { amount: [150] }, true],
    [{ amount: { min: 100 } }, { Amount: 150 }, true],
    [{ channel: { eq: "external" } }, { channel: "external" }, true],
    [{ channel: { eq: "external" } }, { channel: "internal" }, false],
    [{ channel: { eq: "external" } }, { channel: ["external"] }, true],
    [{ channel: { in: ["external", 1] } }, { channel: 2 }, false],
    [{ to: { like: "*@example.org" } }, { to: ["a@example.org"] }, true],
    // One bound that is plainly broken is enough.
    [{ amount: { min: 100 }, channel: { eq: "external" } }, { amount: "150", channel: "internal" }, false],
  ])("by %j is about %j: %s", (bounds, values, isAbout) => {
    expect(second(bounds, values)).toBe(isAbout ? "window_full" : "allowed")
  })
})

test("calls share a count that agree on each field of its key, not on all of them run together", () => {
  const per = ["task", "arguments.one", "arguments.two"] as const
  const one = window({ id: "one", tools: ["files.list"], per: "task", limit: 1, seconds: 60 }, { per })
  const bundle = assembled({ ...body, guardrails: [one] })
  const state = newState(ALICE)
  const held = opened(open(bundle, state, "first", null, { purpose: "work", asked: scopes("*:read") }))
  const call = (one: unknown, two: unknown): string => reasonOf(bundle, state, callOf(held, "files.list", { one, two }))
  expect(call(1, 11)).toBe("allowed")
  expect(call(11, 1)).toBe("allowed")
  expect(call("1", 11)).toBe("allowed")
  expect(call(1, 11)).toBe("window_full")
})
