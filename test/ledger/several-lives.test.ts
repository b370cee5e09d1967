/** What a tree knows after it was evicted or has crashed, again and again. */
import { describe, expect, test } from "vitest"
import type { Condition } from "../../src/core/guardrails/condition.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit, Span } from "../../src/core/guardrails/limit-definition.ts"
import { inKeptLife, type KeptLife } from "../harness/kept-life.ts"

const COMMON = { id: "g", of: { tools: ["files.list"] }, consequence: "deny" } as const
const limit = (most: number, span: Span, more: Partial<Limit> = {}): Limit => {
  return {
    kind: "limit",
    topic: "window",
    per: ["tree"],
    ...COMMON,
    measure: { kind: "calls" },
    limit: most,
    span,
    ...more,
  }
}
const LOOP = { topic: "loop", per: ["task", "call"] } as const
const HOUR = { kind: "sliding", seconds: 3600 } as const

describe("evictions and crashes", () => {
  const end = (life: KeptLife): void => life.crash()

  test.each([1, 2, 3, 5, 8])("a call is repeated no more than %i times, in however many lives", async (most) => {
    for (const waits of [0, 1, 60_000, 300_000])
      for (const lives of [1, 2, 3, 6]) {
        await inKeptLife([limit(most, HOUR, LOOP)], (life) => {
          let admitted = 0
          const call = (x: string): void => {
            if (life.call("files.list", { x }) === "allowed" && x === "same") admitted += 1
          }
          for (let turn = 0; turn < lives; turn++) {
            call("same")
            call(`other ${turn}`)
            life.now += waits
            end(life)
          }
          for (let turn = 0; turn < most + 1; turn++) call("same")
          expect(admitted).toBeLessThanOrEqual(most)
          life.now += 3_600_000 + 300_000
          for (let turn = 0; turn < most; turn++) expect(life.call("files.list", { x: "same" })).toBe("allowed")
        })
      }
  })

  test("of a bucket and a period below a hundred just what was used is used", async () => {
    const bucket = limit(6, { kind: "bucket", seconds: 3, burst: 4 })
    const period = { ...limit(5, { kind: "fixed", seconds: 60 }), id: "p" }
    await inKeptLife([bucket, period], (life) => {
      for (let turn = 0; turn < 4; turn++) expect(life.call("files.list")).toBe("allowed")
      end(life)
      life.now += 499
      expect(life.call("files.list")).toBe("window_full")
      life.now += 1
      expect(life.call("files.list")).toBe("allowed")
      end(life)
      life.now += 5000
      expect(life.call("files.list")).toBe("window_full")
    })
  })
})

test("of a sliding window more than a hundredth of the limit counts longer only by a hundredth of the span", async () => {
  await inKeptLife([limit(1000, { kind: "sliding", seconds: 100 })], (life) => {
    const admitted = (many: number): number =>
      Array.from({ length: many }, () => life.call("files.list")).filter((verdict) => verdict === "allowed").length
    expect(admitted(55)).toBe(55)
    life.now += 5_000
    expect(admitted(1)).toBe(1)
    life.crash()
    life.now += 95_000
    expect(admitted(1000)).toBeLessThanOrEqual(999)
    life.now += 100_000
    expect(admitted(25)).toBe(25)
    life.now += 5_000
    expect(admitted(1)).toBe(1)
    life.crash()
    // What was called at the beginning has left the span, but for a hundredth of the limit.
    life.now += 96_000
    expect(admitted(1000)).toBeGreaterThanOrEqual(989)
  })
})

test("of a sliding window blocks that were used up in one moment count no longer than what was called then", async () => {
  await inKeptLife([limit(1000, { kind: "sliding", seconds: 100 })], (life) => {
    for (let block = 0; block < 3; block++) {
      life.now += 2_000
      for (let turn = 0; turn < 10; turn++) expect(life.call("files.list")).toBe("allowed")
    }
    // A call that comes alone writes down what was used of the last block.
    life.now += 2_000
    expect(life.call("files.list")).toBe("allowed")
    life.now += 10_000
    life.crash()
    life.now += 90_000
    // The call that came alone reserved another: that one counts from the waking on.
    for (let turn = 0; turn < 999; turn++) expect(life.call("files.list")).toBe("allowed")
    expect(life.call("files.list")).toBe("window_full")
    life.now += 10_000
    expect(life.call("files.list")).toBe("allowed")
  })
})

describe("a bucket whose figures change", () => {
  const bucket = (most: number, burst: number): Limit => limit(most, { kind: "bucket", seconds: 1, burst })
  const admitted = (life: KeptLife, many: number): number =>
    Array.from({ length: many }, () => life.call("files.list")).filter((verdict) => verdict === "allowed").length

  test("of which more is missing than it holds now: so it is after a crash", async () => {
    await inKeptLife([bucket(10, 50)], (life) => {
      expect(admitted(life, 60)).toBe(50)
      life.publish(bucket(7, 4))
      life.now += 2_000
      life.crash()
      expect(admitted(life, 9)).toBe(0)
      // 46 of 50 have to be there, by ten a second.
      life.now += 2_699
      expect(admitted(life, 9)).toBe(0)
      life.now += 1
      expect(admitted(life, 9)).toBe(1)
    })
  })

  test("fills by the figures of its last call after a crash too, whichever call was written down", async () => {
    await inKeptLife([bucket(1000, 1000)], (life) => {
      expect(admitted(life, 991)).toBe(991)
      life.publish(bucket(900, 1000))
      expect(admitted(life, 1)).toBe(1)
      life.crash()
      // Up to a hundredth of the limit counts as used besides.
      life.now += 500
      expect(admitted(life, 1000)).toBeLessThanOrEqual(8 + 450)
    })
  })
})

const distinct: Condition = {
  kind: "distinct",
  event: { tools: ["files.list"], where: [] },
  field: "arguments.x",
  seconds: 60,
  is: { atMost: 2 },
}
const VALUES = { measure: { kind: "distinct", field: "arguments.x" } } as const

test.each<readonly [string, Guardrail]>([
  ["a sequence", { kind: "sequence", ...COMMON, require: distinct }],
  ["a budget", limit(2, { kind: "sliding", seconds: 60 }, VALUES)],
])("values of %s that have left the span do not come back with an eviction", async (_what, guardrail) => {
  await inKeptLife([guardrail], (life) => {
    const at = life.now
    expect(life.call("files.list", { x: 25 })).toBe("allowed")
    life.now = at + 60_000
    expect(life.call("files.list", { x: 1 })).toBe("allowed")
    life.crash()
    expect(life.call("files.list", { x: 7 })).toBe("allowed")
    expect(life.call("files.list", { x: 8 })).not.toBe("allowed")
  })
})

test("what lone calls have reserved counts for a span after the death of their life, however many lives come after", async () => {
  await inKeptLife([limit(100, { kind: "sliding", seconds: 60 })], (life) => {
    // 60 calls in each span, and the reserves of 30 lives.
    for (let turn = 0; turn < 150; turn++) {
      for (let call = 0; call < 2; call++) {
        expect(life.call("files.list")).toBe("allowed")
        life.now += 1_000
      }
      life.crash()
    }
    // And then no reserve is left, nor any call.
    life.now += 60_000
    for (let turn = 0; turn < 100; turn++) expect(life.call("files.list")).toBe("allowed")
    expect(life.call("files.list")).toBe("window_full")
  })
})
