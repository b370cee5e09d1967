import { describe, expect, test } from "vitest"
import { fromCedarJson } from "../../../../../src/core/policy/cedar/values/cedar-json.ts"
import { entity, record, set } from "../../../../../src/core/policy/cedar/values/value.ts"

const extn = (fn: string, ...args: readonly unknown[]) => ({
  __extn: args.length === 1 ? { fn, arg: args[0] } : { fn, args },
})

describe("what is no Cedar value is refused", () => {
  test.each([
    { __entity: { type: "User" } },
    { __entity: { type: "User", id: 1 } },
    { __entity: { id: "a" } },
    { __entity: { type: 1, id: "a" } },
    { __entity: "User" },
    { __entity: null },
    { __entity: { type: "User", id: "a" }, more: 1 },
    { ...extn("ip", "10.0.0.1"), more: 1 },
    extn("ip", "10.0.0.256"),
    extn("ip", 1),
    extn("ip", "10.0.0.1", "10.0.0.2"),
    extn("ip"),
    extn("constructor", "x"),
    extn("ip", { __extn: { fn: "ip", arg: "10.0.0.256" } }),
    { __extn: "ip" },
    { __extn: null },
    { __extn: { fn: 1, arg: "10.0.0.1" } },
    { __extn: { fn: "ip" } },
    { __extn: { fn: "ip", args: "10.0.0.1" } },
    extn("long", "9223372036854775808"),
    extn("long", "1.0"),
    extn("long", ""),
    extn("long", 1),
    extn("long", "1", "2"),
  ])("%j", (json) => {
    expect(fromCedarJson(json)).toBeUndefined()
    expect(fromCedarJson({ a: [json] })).toBeUndefined()
  })
})

test("entities and extension values are read anywhere inside", () => {
  const json = { a: [{ __entity: { type: "N::User", id: "x" } }], b: extn("decimal", "1.5") }
  expect(fromCedarJson(json)).toEqual(
    record([
      ["a", set([entity("N::User", "x")])],
      ["b", { kind: "decimal", key: "decimal(15000)", value: 15000n }],
    ]),
  )
})

test("a lone surrogate in a type or an id is refused", () => {
  for (const uid of [
    { type: "\ud800", id: "a" },
    { type: "User", id: "\ud800" },
  ]) {
    expect(fromCedarJson({ __entity: uid })).toBeUndefined()
  }
})

test("nesting ends before the stack does, in calls too", () => {
  const nested = (depth: number): unknown => {
    const [open, moment, shift] = [
      '{"__extn":{"fn":"offset","args":[',
      extn("datetime", "1970-01-01"),
      extn("duration", "1h"),
    ]
    return JSON.parse(open.repeat(depth) + JSON.stringify(moment) + `,${JSON.stringify(shift)}]}}`.repeat(depth))
  }
  expect(fromCedarJson(nested(63))).toBeDefined()
  expect(fromCedarJson(nested(64))).toBeUndefined()
})

test("an extension value may be worked out from others", () => {
  const moment = extn("offset", extn("datetime", "1970-01-01"), extn("duration", "1h"))
  expect(fromCedarJson(moment)).toEqual(fromCedarJson(extn("datetime", "1970-01-01T01:00:00Z")))
})

test("both ends of 64 bits arrive as they were", () => {
  for (const long of [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n]) {
    expect(fromCedarJson([extn("long", String(long))])).toEqual(set([long]))
  }
})
