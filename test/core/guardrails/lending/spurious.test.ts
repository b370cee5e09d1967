/**
 * How often a limit that trees share denies a call for which there is room, against an exact window that sees each use
 * at its own moment: under 1 % of the calls up to nine tenths of the limit; and never is one admitted over it.
 */
import { describe, expect, test } from "vitest"
import type { LentLimit, LentSpan } from "../../../../src/core/guardrails/lending/lending.ts"
import { busiest, busiestPeriod, overflow } from "../../../harness/lending.ts"
import { shortOrLong } from "../../../harness/runs.ts"
import { underLoad, type LoadSeen } from "../../../harness/shared-load.ts"

const SEEDS = shortOrLong([1], [1, 2, 3])
/** Calls that each simulation makes, more or less. */
const CALLS = 6_000

const limitOf = (limit: number, span: LentSpan): LentLimit => ({ measure: { kind: "calls" }, limit, span, seq: 1 })

/** @returns what was seen in all runs, once nothing was over the limit in any of them */
function under(limit: LentLimit, trees: number, share: number, burst = 1): LoadSeen {
  const { span, limit: most } = limit
  const spanMs = span.seconds * 1000
  const sum = { calls: 0, denied: 0, deniedWithRoom: 0, requests: 0 }
  for (const seed of SEEDS) {
    const lasts = (CALLS / (most * share)) * spanMs
    const { uses, ...seen } = underLoad({ limit, trees, share, burst, lasts, seed })
    if (span.kind === "sliding") expect(busiest(uses, spanMs)).toBeLessThanOrEqual(most)
    if (span.kind === "fixed") expect(busiestPeriod(uses, spanMs)).toBeLessThanOrEqual(most)
    if (span.kind === "bucket") expect(overflow(uses.slice(0, 2_000), most, span.burst, spanMs)).toBeLessThanOrEqual(0n)
    for (const name of ["calls", "denied", "deniedWithRoom", "requests"] as const) sum[name] += seen[name]
  }
  return { ...sum, uses: [] }
}

/** Limit, seconds, trees, how much of the limit is called for, how many calls come at once. */
const LOADS: readonly (readonly [number, number, number, number, number])[] = [
  [100, 1, 100, 0.5, 1],
  [100, 1, 100, 0.9, 1],
  [100, 1, 3, 0.9, 1],
  [100, 1, 10, 0.5, 5],
  [200, 2, 200, 0.9, 1],
  [200, 2, 10, 0.9, 1],
  [1_000, 10, 100, 0.9, 1],
  [1_000, 10, 10, 0.9, 1],
  [1_000, 10, 10, 0.5, 20],
  [600, 60, 5, 0.9, 1],
  [600, 60, 20, 0.9, 5],
  [10_000, 60, 32, 0.9, 1],
]

describe("up to nine tenths of a shared limit, less than one call in a hundred is denied for which there is room", () => {
  const kinds = (["sliding", "fixed", "bucket"] as const).flatMap((kind) =>
    LOADS.map((load) => [kind, ...load] as const),
  )

  test.each(kinds)("%s: %i in %i s, %i trees, %d of it, %i at once", (kind, limit, seconds, trees, share, burst) => {
    const span: LentSpan = kind === "bucket" ? { kind, seconds, burst: limit } : { kind, seconds }
    const { calls, deniedWithRoom } = under(limitOf(limit, span), trees, share, burst)
    expect(calls).toBeGreaterThan((CALLS / 2) * SEEDS.length)
    expect(deniedWithRoom / calls).toBeLessThan(0.01)
  })

  test("beyond it too calls are denied where there is no room, and hardly elsewhere", () => {
    const { calls, denied, deniedWithRoom } = under(limitOf(100, { kind: "sliding", seconds: 1 }), 20, 1.5)
    expect(denied / calls).toBeGreaterThan(0.25)
    expect(deniedWithRoom / calls).toBeLessThan(0.02)
  })
})

describe("requests to the object of a shared limit, for each call", () => {
  test.each([
    ["far from a large limit", 100_000, 60, 32, 0.5, 0.15],
    ["of one tree alone", 600, 60, 1, 0.5, 0.8],
    ["of many trees that call seldom", 1_000, 10, 100, 0.5, 1.05],
    ["near a small limit with a short span", 100, 1, 100, 0.9, 1.05],
  ])("%s", (_, limit, seconds, trees, share, most) => {
    const { calls, requests } = under(limitOf(limit, { kind: "sliding", seconds }), trees, share)
    expect(requests / calls).toBeLessThan(most)
  })
})
