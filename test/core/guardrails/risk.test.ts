import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { HIGHEST_RISK } from "../../../src/core/guardrails/definition.ts"
import { HALF_LIFE, highestRisk, lastOf, riskAt, type Signal } from "../../../src/core/guardrails/risk.ts"

const NOW = 1_800_000_000_000
const signal: fc.Arbitrary<Signal> = fc.record({
  level: fc.integer({ min: 1, max: HIGHEST_RISK }),
  at: fc.integer({ min: NOW, max: NOW + 1_000_000 }),
  halfLife: fc.integer({ min: HALF_LIFE.min, max: HALF_LIFE.max }),
})
/** Milliseconds after it was told: up to some half-lives, and before. */
const later = fc.integer({ min: -10_000, max: 8 * HALF_LIFE.max * 1000 })
const exactly = ({ level, at, halfLife }: Signal, now: number): number =>
  level * Math.exp((-Math.LN2 * Math.max(0, now - at)) / (halfLife * 1000))

describe("the risk of a signal", () => {
  test.each([
    [0, 80],
    [1, 80],
    [1_800_000, 57],
    [3_600_000, 40],
    [3_600_001, 40],
    [7_200_000, 20],
    [6 * 3_600_000, 2],
    // Its 1.0009…, and then less than 1.
    [6.32 * 3_600_000, 2],
    [6.33 * 3_600_000, 0],
    [-1, 80],
  ])("of 80 with a half-life of an hour is, %i ms later, %i", (after, left) => {
    expect(riskAt({ level: 80, at: NOW, halfLife: 3600 }, NOW + after)).toBe(left)
  })

  test("is a whole number of 0 to its level, never lower than it is, and by less than 1 higher", () => {
    fc.assert(
      fc.property(signal, later, (told, after) => {
        const now = told.at + after
        const left = riskAt(told, now)
        expect(Number.isInteger(left)).toBe(true)
        expect(left).toBeLessThanOrEqual(told.level)
        const exact = exactly(told, now)
        if (left === 0) expect(exact).toBeLessThan(1 + 1e-9)
        else expect(Math.abs(left - exact - 0.5)).toBeLessThanOrEqual(0.5 + 1e-9)
      }),
    )
  })

  test("never rises with time, is higher for the higher of two, and halves with each half-life", () => {
    fc.assert(
      fc.property(signal, later, fc.nat(10_000_000), (told, after, more) => {
        const now = told.at + after
        expect(riskAt(told, now + more)).toBeLessThanOrEqual(riskAt(told, now))
        const higher = { ...told, level: Math.min(HIGHEST_RISK, told.level + 1) }
        expect(riskAt(higher, now)).toBeGreaterThanOrEqual(riskAt(told, now))
        const half = riskAt(told, told.at + told.halfLife * 1000)
        expect(half).toBe(told.level < 2 ? 0 : Math.ceil(told.level / 2))
      }),
    )
  })

  test("is over after its last moment, and not a second before", () => {
    fc.assert(
      fc.property(signal, (told) => {
        expect(riskAt(told, lastOf(told) + 1)).toBe(0)
        if (told.level > 1) expect(riskAt(told, lastOf(told) - 1_000)).toBeGreaterThan(0)
      }),
    )
  })
})

test("of several signals the highest counts, in any order; of none it is 0", () => {
  expect(highestRisk([], NOW)).toBe(0)
  fc.assert(
    fc.property(fc.array(signal), later, (signals, after) => {
      const now = NOW + after
      const highest = highestRisk(signals, now)
      expect(highest).toBe(Math.max(0, ...signals.map((each) => riskAt(each, now))))
      expect(highestRisk(signals.toReversed(), now)).toBe(highest)
    }),
  )
})
