import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { AdmissionLog, windowKey, type WindowDefinition } from "../../src/guardrails/window.ts"
import { busiestSpan } from "../harness/reference.ts"

const SEED = { seed: 20261125, numRuns: 400 }
const definition = (limit: number, seconds: number): WindowDefinition => {
  return { id: "w", tools: ["*"], per: "tree", limit, seconds }
}

/** Steps of time before each try, so that many fall exactly on the edge of a span. */
const tries = fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(0, 500, 999, 1000, 1001)), {
  minLength: 1,
  maxLength: 60,
})

describe("exact sliding window", () => {
  test("no span ever holds more than the limit, and no try is refused that would fit", () => {
    fc.assert(
      fc.property(tries, fc.integer({ min: 1, max: 5 }), (steps, limit) => {
        const log = new AdmissionLog()
        const admitted: number[] = []
        let now = 0
        for (const step of steps) {
          now += step
          const inSpan = admitted.filter((at) => at > now - 1000)
          const { used, waits } = log.use(definition(limit, 1), now)
          expect(used).toBe(inSpan.length)
          expect(waits).toBe(inSpan.length < limit ? 0 : (inSpan[0] ?? 0) + 1000 - now)
          if (waits > 0) continue
          log.admit(now)
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
        const log = new AdmissionLog()
        let now = 0
        for (const step of steps) {
          now += step
          const { waits } = log.use(definition(limit, 1), now)
          if (waits > 0) {
            expect(log.use(definition(limit, 1), now + waits - 1).waits).toBe(1)
            expect(log.use(definition(limit, 1), (now += waits)).waits).toBe(0)
          }
          log.admit(now)
        }
      }),
      SEED,
    )
  })

  test("looking at another span tells the same, and shortens none", () => {
    fc.assert(
      fc.property(tries, fc.integer({ min: 1, max: 5 }), fc.constantFrom(1, 2), (steps, limit, seconds) => {
        const [log, looked] = [new AdmissionLog(), new AdmissionLog()]
        let now = 0
        for (const step of steps) {
          now += step
          for (const other of [1, 2]) looked.peek(definition(limit, other), now)
          const use = log.use(definition(limit, 2), now)
          expect(looked.use(definition(limit, 2), now)).toEqual(use)
          log.admit(now)
          looked.admit(now)
          expect(looked.peek(definition(limit, seconds), now)).toEqual(
            seconds === 2 ? log.use(definition(limit, 2), now) : expect.objectContaining({ seconds }),
          )
        }
      }),
      SEED,
    )
  })

  test("a long life changes nothing: entries that left are dropped, those inside stay", () => {
    const log = new AdmissionLog()
    for (let now = 0; now < 20_000; now += 1) {
      const { used, waits } = log.use(definition(10, 1), now * 100)
      expect(used).toBe(Math.min(now, 10) - (now >= 10 ? 1 : 0))
      expect(waits).toBe(0)
      log.admit(now * 100)
    }
  })

  test("a window of a task has one count a task, one of a tree has one for all", () => {
    const perTask = { ...definition(1, 1), per: "task" as const }
    expect(windowKey(perTask, "tsk_1")).not.toBe(windowKey(perTask, "tsk_1.1"))
    expect(windowKey(definition(1, 1), "tsk_1")).toBe(windowKey(definition(1, 1), "tsk_1.1"))
  })
})
