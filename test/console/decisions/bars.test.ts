import { describe, expect, test } from "vitest"
import fc from "fast-check"
import { barsOf, figuresOf, HEIGHT, highest, WIDTH } from "../../../src/console/decisions/bars.ts"

const slots = fc.array(fc.record({ at: fc.nat(), allowed: fc.nat(100_000), denied: fc.nat(100_000) }), {
  minLength: 1,
  maxLength: 40,
})

describe("the bars", () => {
  test("stay inside the picture, stand on its ground, and one beside the other", () => {
    fc.assert(
      fc.property(slots, (all) => {
        const bars = barsOf(all)
        for (const [index, { x, width, allowed, denied }] of bars.entries()) {
          expect(allowed.y).toBeGreaterThanOrEqual(-0.2)
          expect(Math.abs(allowed.y + allowed.height - denied.y)).toBeLessThan(0.2)
          expect(Math.abs(denied.y + denied.height - HEIGHT)).toBeLessThan(0.2)
          expect(x + width).toBeLessThanOrEqual(bars[index + 1]?.x ?? WIDTH)
        }
        const tallest = Math.max(...bars.map(({ allowed, denied }) => allowed.height + denied.height))
        const isAny = all.some((slot) => slot.allowed + slot.denied > 0)
        expect(Math.abs(tallest - (isAny ? HEIGHT : 0))).toBeLessThan(0.3)
      }),
    )
  })

  test("are as tall as their counts, one to the other", () => {
    const [one, two] = barsOf([
      { at: 0, allowed: 3, denied: 1 },
      { at: 1, allowed: 0, denied: 2 },
    ])
    expect(one).toMatchObject({ allowed: { y: 0, height: 72 }, denied: { y: 72, height: 24 } })
    expect(two).toMatchObject({ allowed: { height: 0 }, denied: { y: 48, height: 48 } })
  })
})

test("the figures say what the picture shows", () => {
  expect(figuresOf([{ at: 0, allowed: 3, denied: 1 }])).toBe("3 allowed, 1 denied (25 %)")
  expect(figuresOf([{ at: 0, allowed: 0, denied: 0 }])).toBe("0 allowed, 0 denied")
  expect(highest([])).toBe(1)
})
