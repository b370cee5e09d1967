import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { precisionOf, SlidingMeter } from "../../../../src/core/guardrails/meter/sliding.ts"
import { busiestSpan } from "../../../harness/reference.ts"

const SEED = { seed: 20261125, numRuns: 400 }
/** Steps of time before each try, so that many fall exactly on the edge of a span. */
const tries = fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(0, 500, 999, 1000, 1001)), {
  minLength: 1,
  maxLength: 60,
})

describe("exact sliding window", () => {
  test("no span ever holds more than the limit, and no try is refused that would fit", () => {
    fc.assert(
      fc.property(tries, fc.integer({ min: 1, max: 5 }), (steps, limit) => {
        const log = new SlidingMeter()
        const admitted: number[] = []
        let now = 0
        for (const step of steps) {
          now += step
          const inSpan = admitted.filter((at) => at > now - 1000)
          const { used, waits } = log.read(limit, 1000, 1, now)
          expect(used).toBe(inSpan.length)
          expect(waits).toBe(inSpan.length < limit ? 0 : (inSpan[0] ?? 0) + 1000 - now)
          if (waits > 0) continue
          log.admit(1, now)
          admitted.push(now)
        }
        expect(busiestSpan(admitted, 1000)).toBeLessThanOrEqual(limit)
      }),
      SEED,
    )
  })

  test("waiting exactly as long as told is enough, one millisecond less is not", () => {
    fc.assert(
      fc.property(tries, fc.integer({ min: 1, max: 4 }), (steps, limit) => {
        const log = new SlidingMeter()
        let now = 0
        for (const step of steps) {
          now += step
          const { waits } = log.read(limit, 1000, 1, now)
          if (waits > 0) {
            expect(log.read(limit, 1000, 1, now + waits - 1).waits).toBe(1)
            expect(log.read(limit, 1000, 1, (now += waits)).waits).toBe(0)
          }
          log.admit(1, now)
        }
      }),
      SEED,
    )
  })

  test("of more amounts than are kept apart the last counts as late as the newest, never earlier", () => {
    const [log, apart, spanMs] = [new SlidingMeter(), 131_072, 1_000_000]
    for (let now = 1; now <= apart; now++) log.admit(1, now)
    log.admit(1, apart + 500, precisionOf(1, spanMs))
    expect(log.read(2, spanMs, 0, apart + spanMs - 1).used).toBe(2)
    expect(log.read(2, spanMs, 0, apart + spanMs + 499).used).toBe(2)
    expect(log.read(2, spanMs, 0, apart + spanMs + 500).used).toBe(0)
  })

  test("a long life changes nothing: entries that left are dropped, those inside stay", () => {
    const log = new SlidingMeter()
    for (let now = 0; now < 20_000; now += 1) {
      const { used, waits } = log.read(10, 1000, 1, now * 100)
      expect(used).toBe(Math.min(now, 10) - (now >= 10 ? 1 : 0))
      expect(waits).toBe(0)
      log.admit(1, now * 100)
    }
  })
})
