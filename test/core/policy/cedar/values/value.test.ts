import { describe, expect, test } from "vitest"
import { fromCedarJson } from "../../../../../src/core/policy/cedar/values/cedar-json.ts"
import { type Value, entity, equal, fromJson, record, set } from "../../../../../src/core/policy/cedar/values/value.ts"

const MAX = Number.MAX_SAFE_INTEGER
const extension = (fn: string, arg: string): Value => fromCedarJson({ __extn: { fn, arg } }) ?? `no ${fn}`

describe("sets in sets", () => {
  const nested = (json: unknown, depth: number): unknown => (depth === 0 ? json : nested([json], depth - 1))
  const many = Array.from({ length: 50_000 }, (_, index) => index)

  test("cost hardly more than what is in the innermost one", () => {
    const started = performance.now()
    const flat = fromJson(nested(many, 1))
    const once = performance.now() - started
    const deep = fromJson(nested(many, 60))
    expect(performance.now() - started - once).toBeLessThan(15 * once)
    expect([flat, deep]).not.toContain(undefined)
  })

  test("are equal as their members are, in whatever order", () => {
    const one = fromJson([[["b", "a"], [{ x: ["c", 1] }]], "x"])
    const other = fromJson(["x", [[{ x: [1, "c"] }], ["a", "b", "a"]]])
    const another = fromJson(["x", [[{ x: [1, "c"] }], ["a,b"]]])
    expect([one && other && equal(one, other), one && another && equal(one, another)]).toEqual([true, false])
  })
})

describe("equality is by structure", () => {
  // Made inside the test, so that mutation testing sees what makes them.
  const makeDifferent = (): readonly Value[] => [
    true,
    false,
    "",
    "true",
    "1",
    0n,
    1n,
    -1n,
    entity("User", "a"),
    entity("User", 'a"'),
    entity("N::User", "a"),
    entity("true", ""),
    extension("decimal", "1.0"),
    extension("decimal", "1.0001"),
    extension("datetime", "1970-01-01"),
    extension("datetime", "1970-01-02"),
    extension("duration", "0ms"),
    extension("duration", "1ms"),
    extension("ip", "0.0.0.1"),
    extension("ip", "0.0.0.1/24"),
    extension("ip", "0.0.0.0/24"),
    extension("ip", "::1"),
    "decimal(10000)",
    entity("decimal(10000)", ""),
    set([]),
    set([1n]),
    set(["1"]),
    set([1n, 2n]),
    set([true]),
    set(["true"]),
    set([set([])]),
    set([set(["a,b"])]),
    set([set(["a", "b"])]),
    set([set(['a","b'])]),
    set([record([])]),
    set([entity("User", "a")]),
    set(['User::"a"']),
    record([]),
    record([["a", 1n]]),
    record([["a", 2n]]),
    record([["b", 1n]]),
    record([["__proto__", 1n]]),
    record([["a", record([["b", 1n]])]]),
    set([record([["a", 1n]])]),
    set([record([["a", "1"]])]),
    set([
      record([
        ["a", 1n],
        ["b", 1n],
      ]),
    ]),
  ]

  test("values of different structure differ, as such and as members of sets", () => {
    const different = makeDifferent()
    for (const [i, a] of different.entries()) {
      for (const [j, b] of different.entries()) {
        expect(equal(a, b), `${i} ${j}`).toBe(i === j)
        expect(set([a]).has(b), `${i} in ${j}`).toBe(i === j)
      }
    }
  })

  test("order and repetition do not matter in sets, nor order in records", () => {
    expect(equal(set([1n, 2n, 1n]), set([2n, 1n]))).toBe(true)
    expect(set([1n, 2n, 1n]).size).toBe(2)
    expect(equal(set([set([1n, 2n]), set([2n, 1n])]), set([set([2n, 1n])]))).toBe(true)
    const ab = record([
      ["a", 1n],
      ["b", set(["x", "y"])],
    ])
    const ba = record([
      ["b", set(["y", "x"])],
      ["a", 1n],
    ])
    expect(equal(ab, ba)).toBe(true)
    expect(set([ab]).has(ba)).toBe(true)
  })
})

describe("fromJson", () => {
  test("reads what is representable", () => {
    expect(fromJson(true)).toBe(true)
    expect(fromJson("é\u{1F600}")).toBe("é\u{1F600}")
    expect(fromJson(MAX)).toBe(9007199254740991n)
    expect(fromJson(-0)).toBe(0n)
    expect(fromJson([1, 1, "1"])).toEqual(set([1n, "1"]))
    expect(fromJson({ a: { b: [] } })).toEqual(record([["a", record([["b", set([])]])]]))
  })

  // By name: a lone surrogate in a test's title would break the test runner's own channel.
  const none: Readonly<Record<string, unknown>> = {
    null: null,
    fraction: 1.5,
    "one beyond the greatest integer": MAX + 1,
    "one beyond the least integer": -MAX - 1,
    NaN,
    infinity: Infinity,
    "lone high surrogate": "\ud800",
    "lone low surrogate": "a\udc00",
    undefined,
    bigint: 1n,
    symbol: Symbol("s"),
    function: () => 1,
    "instance of a class": new Date(0),
    map: new Map(),
  }
  test.each(Object.keys(none))("%s is no value, wherever it stands", (name) => {
    const json = none[name]
    expect(fromJson(json)).toBeUndefined()
    expect(fromJson([1, json])).toBeUndefined()
    expect(fromJson({ a: 1, b: { c: [json] } })).toBeUndefined()
    expect(fromCedarJson({ a: [json] })).toBeUndefined()
  })

  test("a lone surrogate in a name is refused too", () => {
    expect(fromJson({ "\ud800": 1 })).toBeUndefined()
  })

  test("__proto__, constructor and the rest are names like any other", () => {
    const value = fromJson(JSON.parse('{"__proto__": {"admin": true}, "constructor": 1}'))
    expect(value).toEqual(
      record([
        ["__proto__", record([["admin", true]])],
        ["constructor", 1n],
      ]),
    )
    expect(fromJson({})).toEqual(record([]))
    expect(fromJson(Object.create(null))).toEqual(record([]))
  })

  test("an argument cannot pose as an entity", () => {
    const forged = { __entity: { type: "User", id: "admin" } }
    expect(fromJson(forged)).toEqual(
      record([
        [
          "__entity",
          record([
            ["type", "User"],
            ["id", "admin"],
          ]),
        ],
      ]),
    )
    expect(fromCedarJson(forged)).toEqual(entity("User", "admin"))
  })

  test("nesting ends before the stack does", () => {
    const nested = (depth: number): unknown => JSON.parse("[".repeat(depth) + "]".repeat(depth))
    expect(fromJson(nested(64))).toBeDefined()
    expect(fromJson(nested(65))).toBeUndefined()
    const members = (depth: number): unknown => JSON.parse('{"a":'.repeat(depth) + "1" + "}".repeat(depth))
    expect(fromJson(members(64))).toBeDefined()
    expect(fromJson(members(65))).toBeUndefined()
    expect(fromJson(nested(100_000))).toBeUndefined()
  })
})

test("entity keys are unique: neither type nor id can forge the other", () => {
  expect(entity("User", "a").key).toBe('User::"a"')
  expect(entity("A", 'x" , B::"y').key).not.toBe(entity('A::"x" , B', "y").key)
  expect(entity("User", "a").key).not.toBe(entity("User", "a ").key)
})
