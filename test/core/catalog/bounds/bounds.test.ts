import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { violation } from "../../../harness/bounds.ts"
import type { ArgumentBounds } from "../../../../src/core/catalog/bounds/definition.ts"
import { contradiction } from "../../../../src/core/catalog/bounds/joint.ts"
import { isLike } from "../../../../src/core/catalog/bounds/like.ts"

describe("argument bounds", () => {
  test.each<readonly [Parameters<typeof violation>[0][number][string], unknown, boolean]>([
    [{ eq: "42" }, "42", true],
    [{ eq: "42" }, 42, false],
    [{ eq: 1 }, true, false],
    [{ eq: false }, false, true],
    [{ eq: false }, undefined, false],
    [{ in: ["a", 1] }, 1, true],
    [{ in: ["a", 1] }, "1", false],
    [{ in: [] }, undefined, false],
    [{ min: 1, max: 3 }, 1, true],
    [{ min: 1, max: 3 }, 3, true],
    [{ min: 1, max: 3 }, 3.0001, false],
    [{ min: 1 }, "2", false],
    [{ max: 1 }, NaN, false],
    [{ min: 0 }, null, false],
    [{ max: 1 }, [0], false],
    [{ like: "a*" }, "abc", true],
    [{ like: "a*" }, ["abc"], false],
    [{ like: "*" }, undefined, false],
    [{ max_length: 2 }, "é\u{1F600}", true],
    [{ max_length: 1 }, "é\u{1F600}", false],
    [{ max_length: 1 }, [1], true],
    [{ max_length: 0 }, [1], false],
    [{ max_length: 9 }, 1, false],
    [{ max_length: 9 }, undefined, false],
    [{}, undefined, true],
  ])("%j on %j: %s", (bound, value, holds) => {
    expect(violation([{ a: bound }], value === undefined ? {} : { a: value }, null) === null).toBe(holds)
  })

  test("each of several must hold, and the first that does not is named", () => {
    expect(violation([{ a: { eq: 1 } }, { a: { max: 0 }, b: { eq: 2 } }], { a: 1, b: 2 }, null)).toEqual({
      argument: "a",
      bound: "max 0",
    })
    expect(violation([{ a: { eq: 1 } }, { b: { eq: 2 } }], { a: 1 }, null)).toEqual({ argument: "b", bound: "eq 2" })
    expect(violation([], { a: 1 }, null)).toBeNull()
  })

  test("an argument that every object has is absent where it was not sent", () => {
    for (const name of ["constructor", "toString", "__proto__"]) {
      expect(violation([Object.fromEntries([[name, { like: "*" }]])], {}, null)).not.toBeNull()
    }
  })
})

describe("isLike", () => {
  test("is the wildcard match, whatever else the pattern holds", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", ".", "+", "\n"), maxLength: 8 })
    const pattern = fc.string({ unit: fc.constantFrom("a", "b", ".", "*", "*"), maxLength: 6 })
    let matched = 0
    fc.assert(
      fc.property(text, pattern, (subject, like) => {
        const literals = like.split("*").map((literal) => literal.replaceAll(".", String.raw`\.`))
        const expected = new RegExp(`^${literals.join("[^]*")}$`).test(subject)
        expect(isLike(subject, like)).toBe(expected)
        if (expected) matched += 1
      }),
      { seed: 20261125, numRuns: 2_000 },
    )
    expect(matched).toBeGreaterThan(100)
  })

  test("takes no time that an agent could make long", () => {
    const before = performance.now()
    expect(isLike(`${"a".repeat(100_000)}c`, `*${"a*".repeat(100)}b`)).toBe(false)
    expect(isLike("ab".repeat(50_000), `*${"aa*".repeat(80)}`)).toBe(false)
    expect(performance.now() - before).toBeLessThan(1_000)
  })
})

describe("bounds that add up to nothing", () => {
  test.each<readonly [string, readonly ArgumentBounds[], string | null]>([
    ["none", [], null],
    ["two values", [{ a: { eq: 1 } }, { a: { eq: 2 } }], "a"],
    ["the same value twice", [{ a: { eq: 1 } }, { a: { eq: 1 } }], null],
    ["two lists with one in common", [{ a: { in: [1, 2] } }, { a: { in: [2, 3] } }], null],
    ["two lists with none", [{ a: { in: [1, 2] } }, { a: { in: [3] } }], "a"],
    ["a value out of range", [{ a: { eq: 1 } }, { a: { min: 2 } }], "a"],
    ["a list out of a pattern", [{ a: { in: ["x", "y"] } }, { a: { like: "z*" } }], "a"],
    ["ranges that meet", [{ a: { min: 2 } }, { a: { max: 2 } }], null],
    ["ranges that do not", [{ a: { min: 3 } }, { a: { max: 2 } }], "a"],
    ["a number that has to be a text", [{ a: { min: 3 } }, { a: { like: "*" } }], "a"],
    ["bounds of several arguments", [{ a: { min: 3 }, b: { eq: 1 } }, { b: { eq: 2 } }], "b"],
    ["an empty bound", [{ a: {} }, { a: { max_length: 0 } }], null],
  ])("%s", (_what, bounds, expected) => {
    expect(contradiction(bounds, 0)).toBe(expected)
  })
})
