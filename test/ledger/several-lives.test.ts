/** What a tree knows after it was evicted while it was quiet, or has crashed, again and again. */
import { describe, expect, test } from "vitest"
import type { Condition, Guardrail, Limit, Span } from "../../src/guardrails/definition.ts"
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

const ENDS = [
  ["evictions", (life: KeptLife) => life.evict()],
  ["crashes", (life: KeptLife) => life.crash()],
] as const

describe.each(ENDS)("%s", (_what, end) => {
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
    life.evict()
    expect(life.call("files.list", { x: 7 })).toBe("allowed")
    expect(life.call("files.list", { x: 8 })).not.toBe("allowed")
  })
})
