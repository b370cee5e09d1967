import { expect, test } from "vitest"
import { BURST, Pace, PER_SECOND } from "../../src/revocation/pace.ts"

const taken = (pace: Pace, now: number, tries: number, stream = "s"): number =>
  Array.from({ length: tries }, () => pace.take(stream, now)).filter(Boolean).length

test("a stream tells a burst at once, then so many a second, and keeps no other from telling", () => {
  const pace = new Pace()
  expect(taken(pace, 1_000, BURST + 10)).toBe(BURST)
  expect(taken(pace, 1_000, 1)).toBe(0)
  expect(taken(pace, 1_000, BURST + 10, "t")).toBe(BURST)
  expect(taken(pace, 2_000, BURST)).toBe(PER_SECOND)
  expect(taken(pace, 2_000 + 1_000_000, BURST + 10)).toBe(BURST)
})

test("a refusal costs nothing, and a clock that goes back gives nothing", () => {
  const pace = new Pace()
  taken(pace, 5_000, BURST)
  // Each a fortieth of a second later: between two of them less than one is earned.
  const told = Array.from({ length: 80 }, (_, nth) => pace.take("s", 5_000 + (nth + 1) * 25)).filter(Boolean)
  expect(told).toHaveLength(2 * PER_SECOND)
  expect(taken(pace, 1, 5)).toBe(0)
})
