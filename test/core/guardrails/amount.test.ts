import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { MAX_UNITS, shownUnits, unitsOf } from "../../../src/core/guardrails/amount.ts"

describe("an amount", () => {
  test.each<[value: unknown, units: number | string]>([
    [0, 0],
    [-0, 0],
    [10.5, 105_000],
    [0.0001, 1],
    [900_719_925_474, 9_007_199_254_740_000],
    [900_719_925_474.0991, MAX_UNITS],
    [-1, "negative"],
    [-0.0001, "negative"],
    [-1e-7, "negative"],
    [0.00001, "too precise"],
    [1e-7, "too precise"],
    [1.00005, "too precise"],
    [900_719_925_475, "too large"],
    [900_719_925_474.0992, "too large"],
    [2 ** 53, "too large"],
    [1e21, "too large"],
    [Number.MAX_VALUE, "too large"],
    [Number.NaN, "no number"],
    [Number.POSITIVE_INFINITY, "no number"],
    [Number.NEGATIVE_INFINITY, "no number"],
    ["5", "no number"],
    ["", "no number"],
    [true, "no number"],
    [[5], "no number"],
    [{}, "no number"],
    [null, "missing"],
    [undefined, "missing"],
  ])("%j is %j", (value, units) => {
    // `-0` and `0` add up to the same.
    expect(unitsOf(value)).toSatisfy((read) => read === units)
  })

  test("is exact: shown again it is the number that was written", () => {
    fc.assert(
      // From 2^39 on a double does not tell all of them apart; what it does not, the strict reader refuses.
      fc.property(fc.integer({ min: 0, max: 2 ** 39 - 1 }), fc.integer({ min: 0, max: 9_999 }), (whole, part) => {
        const units = whole * 10_000 + part
        expect(unitsOf(Number(`${whole}.${String(part).padStart(4, "0")}`))).toBe(units)
        expect(unitsOf(shownUnits(units))).toBe(units)
      }),
    )
  })
})
