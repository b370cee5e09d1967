/**
 * A tree that never rests: what is kept of it stays in proportion to what lives, and a crash finds just that. On the
 * real SQLite of an object.
 */
import { expect, test } from "vitest"
import type { Condition } from "../../src/core/guardrails/condition.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit, Span } from "../../src/core/guardrails/limit-definition.ts"
import { inKeptLife } from "../harness/kept-life.ts"

const SECONDS = 10
const SPAN_MS = SECONDS * 1000
const EACH = ["tree", "arguments.x"] as const
const COMMON = { id: "g", of: { tools: ["files.list"] }, consequence: "deny" } as const
const SAME = { tools: ["files.list"], where: [{ past: "arguments.x", present: "arguments.x" }] } as const

const limit = (most: number, span: Span, more: Partial<Limit> = {}): Limit => {
  return {
    kind: "limit",
    topic: "window",
    per: EACH,
    ...COMMON,
    measure: { kind: "calls" },
    limit: most,
    span,
    ...more,
  }
}
const sliding: Span = { kind: "sliding", seconds: SECONDS }
const rule = (require: Condition): Guardrail => ({ kind: "sequence", ...COMMON, require })
const values = { measure: { kind: "distinct", field: "arguments.x" }, per: ["tree"] } as const

/** Rows of all that guardrails keep in mind. */
function rowsIn(sql: SqlStorage): number {
  const kept = "'blocks', 'counters', 'once', 'tallies', 'marks', 'cells', 'flights'"
  const tables = sql
    .exec<{ name: string }>(`SELECT name FROM sqlite_master WHERE type = 'table' AND name IN (${kept})`)
    .toArray()
    .map(({ name }) => name)
  return tables.reduce((sum, table) => sum + sql.exec<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`).one().n, 0)
}

/** Calls of one span, each with a value of its own. */
interface Load {
  readonly guardrail: Guardrail
  readonly live: number
  readonly spans: number
  /** Rows of each. */
  readonly rows?: number
}

test.each<readonly [string, Load]>([
  ["a window in blocks, in which not one block is used up", { guardrail: limit(1000, sliding), live: 6000, spans: 3 }],
  ["a window of which each call is written", { guardrail: limit(3, sliding), live: 600, spans: 12 }],
  ["a fixed window", { guardrail: limit(1000, { kind: "fixed", seconds: SECONDS }), live: 600, spans: 12 }],
  ["a bucket", { guardrail: limit(1, { kind: "bucket", seconds: SECONDS, burst: 1000 }), live: 600, spans: 12 }],
  // Each is full again a thousandth of the span after its call.
  [
    "a bucket of which much is left",
    { guardrail: limit(1000, { kind: "bucket", seconds: SECONDS, burst: 1000 }), live: 600, spans: 12, rows: 0 },
  ],
  ["calls that are not to be repeated", { guardrail: limit(1, sliding, { topic: "loop" }), live: 600, spans: 12 }],
  ["calls that may be repeated", { guardrail: limit(5, sliding, { topic: "loop" }), live: 600, spans: 12, rows: 0 }],
  ["values of a budget", { guardrail: limit(10_000, sliding, values), live: 600, spans: 12 }],
  [
    "what was called formerly",
    { guardrail: rule({ kind: "not", of: { kind: "formerly", event: SAME, seconds: SECONDS } }), live: 600, spans: 12 },
  ],
  [
    "what is counted",
    { guardrail: rule({ kind: "count", event: SAME, seconds: SECONDS, is: { atMost: 3 } }), live: 600, spans: 12 },
  ],
  [
    "calls in flight",
    {
      guardrail: { kind: "concurrency", ...COMMON, of: { tools: ["files.read"] }, per: EACH, limit: 3 },
      live: 600,
      spans: 12,
    },
  ],
])("%s: rows are as many as live, and after a crash no more are known", async (_what, { guardrail, ...load }) => {
  const { live, spans, rows = 1 } = load
  await inKeptLife([guardrail], (life) => {
    const [tool = ""] = guardrail.of.tools
    // A call of this tool is in flight for a second.
    const every = (guardrail.kind === "concurrency" ? 1000 : SPAN_MS) / live
    for (let turn = 0; turn < live * spans; turn++) {
      life.now += every
      expect(life.call(tool, { x: turn })).toBe("allowed")
      if (turn % 500 === 0) expect(rowsIn(life.sql)).toBeLessThanOrEqual(live * rows * 1.3 + 300)
    }
    expect(rowsIn(life.sql)).toBeGreaterThanOrEqual((live * rows) / 2)
    life.crash()
    const memory = life.memory()
    const cells = [memory.sliding, memory.periods, memory.buckets, memory.tallies, memory.flights]
    const known = cells.reduce((sum, each) => sum + [...each].length, 0)
    expect(known).toBeLessThanOrEqual(live * 1.1)
    for (const [, , marks] of memory.marks) expect(marks.size).toBeLessThanOrEqual(live * 1.1)
    // All who come anew are admitted, as many as before.
    for (let turn = 0; turn < live; turn++) {
      life.now += every
      expect(life.call(tool, { x: `new ${turn}` })).toBe("allowed")
    }
  })
})

test("a rule with ten thousand values forgets the oldest where this denies, and so does its storage", async () => {
  const formerly = rule({ kind: "formerly", event: { ...SAME, tools: ["files.list"] }, seconds: 86_400 })
  await inKeptLife([{ ...formerly, of: { tools: ["desk.pay"] } }], (life) => {
    for (let x = 0; x < 12_000; x++) {
      life.now += 1
      expect(life.call("files.list", { x })).toBe("allowed")
    }
    const examine = (): void => {
      expect(rowsIn(life.sql)).toBe(10_000)
      for (const [x, reason] of [
        [1999, "sequence_broken"],
        [2000, "allowed"],
        [11_999, "allowed"],
      ] as const)
        expect(life.call("desk.pay", { x })).toBe(reason)
    }
    examine()
    life.crash()
    examine()
  })
})

test("a count with many times as many calls as are kept apart is as few rows, and the same after a crash", async () => {
  const is = { atMost: 100_000 }
  const counted = rule({ kind: "count", event: { tools: ["files.list"], where: [] }, seconds: SECONDS, is })
  await inKeptLife([counted], (life) => {
    for (let turn = 0; turn < 12_000; turn++) {
      life.now += 2
      expect(life.call("files.list")).toBe("allowed")
    }
    expect(rowsIn(life.sql)).toBeLessThanOrEqual(256 + 101 + 300)
    const known = () => [...life.memory().tallies].map(([, , tally]) => tally.upTo(SPAN_MS, life.now))
    const before = known()
    life.crash()
    expect(known()).toEqual(before)
  })
})
