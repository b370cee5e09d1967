/** A newer bundle with another threshold neither forgets what was counted nor invents what was not. */
import { describe, expect, test } from "vitest"
import type { Condition, Threshold } from "../../../src/core/guardrails/condition.ts"
import type { Guardrail } from "../../../src/core/guardrails/kinds.ts"
import type { Limit, Span } from "../../../src/core/guardrails/limit-definition.ts"
import { SteadyTree } from "../../harness/steady-tree.ts"

const SECONDS = 3600
const EVENT = { tools: ["files.list"], where: [] }
const PLAIN = { kind: "sequence", id: "g", of: { tools: ["desk.pay"] }, consequence: "deny" } as const
const rule = (require: Condition): Guardrail => ({ ...PLAIN, require })

type Measured = (is: Threshold) => Condition
const count: Measured = (is) => ({ kind: "count", event: EVENT, seconds: SECONDS, is })
const distinct: Measured = (is) => ({ kind: "distinct", event: EVENT, field: "arguments.x", seconds: SECONDS, is })
/** Each amount is 10,000 units. */
const sum: Measured = (is) => {
  const [[side, many] = ["atMost", 0]] = Object.entries(is)
  const units = side === "atMost" ? { atMost: many * 10_000 } : { atLeast: many * 10_000 }
  return { kind: "sum", event: EVENT, field: "arguments.amount", seconds: SECONDS, is: units }
}

describe.each([
  ["count", count],
  ["sum", sum],
  ["distinct", distinct],
] as const)("%s", (_what, measured) => {
  test.each<readonly [string, (threshold: number) => Condition, number, number, number, string]>([
    // What it is, under which thresholds, and whether a call is allowed once 1,000 were made and the second holds.
    ["at_most, raised", (many) => measured({ atMost: many }), 10, 100, 1000, "sequence_broken"],
    ["at_most, raised beyond all", (many) => measured({ atMost: many }), 10, 1000, 1000, "allowed"],
    ["at_most, lowered", (many) => measured({ atMost: many }), 2000, 999, 1000, "sequence_broken"],
    ["at_least, raised", (many) => measured({ atLeast: many }), 10, 1000, 1000, "allowed"],
    ["at_least, raised beyond all", (many) => measured({ atLeast: many }), 10, 1001, 1000, "sequence_broken"],
    ["not at_least, raised", (many) => not(measured({ atLeast: many })), 10, 1000, 1000, "sequence_broken"],
    ["not at_least, raised beyond all", (many) => not(measured({ atLeast: many })), 10, 1001, 1000, "allowed"],
    ["not at_most, raised", (many) => not(measured({ atMost: many })), 10, 999, 1000, "allowed"],
    ["not at_most, raised beyond all", (many) => not(measured({ atMost: many })), 10, 1000, 1000, "sequence_broken"],
    ["at_least, then at_most", () => measured({ atMost: 999 }), 0, 0, 1000, "sequence_broken"],
  ])("%s", (_which, condition, before, after, many, verdict) => {
    const tree = new SteadyTree(rule(before === 0 ? measured({ atLeast: 1 }) : condition(before)))
    expect(tree.calls("files.list", many, 1, (turn) => ({ x: turn, amount: 1 }))).toEqual({ allowed: many })
    tree.publish(rule(condition(after)))
    expect(tree.call("desk.pay")).toBe(verdict)
    // All of it leaves the span, and nothing else stays behind.
    tree.now += SECONDS * 1000
    tree.publish(rule(measured({ atMost: 0 })))
    expect(tree.call("desk.pay")).toBe("allowed")
  })

  const not = (of: Condition): Condition => ({ kind: "not", of })

  test("a budget of what is counted itself: raised, it admits the difference and no more", () => {
    const tools = { ...PLAIN, of: EVENT }
    const most = (many: number): Guardrail => ({ ...tools, require: measured({ atMost: many }) })
    const tree = new SteadyTree(most(10))
    const values = (turn: number) => ({ x: turn, amount: 1 })
    expect(tree.calls("files.list", 50, 1, values)).toEqual({ allowed: 10, sequence_broken: 40 })
    tree.publish(most(100))
    expect(tree.calls("files.list", 200, 1, (turn) => values(turn + 50))).toEqual({ allowed: 90, sequence_broken: 110 })
    tree.publish(most(20))
    expect(tree.call("files.list", values(999))).toBe("sequence_broken")
  })
})

const SPANS: readonly Span[] = [
  { kind: "sliding", seconds: SECONDS },
  { kind: "fixed", seconds: SECONDS },
  { kind: "bucket", seconds: SECONDS, burst: 10 },
  { kind: "life" },
]

describe("limits", () => {
  const limit = (most: number, span: Span, more: Partial<Limit> = {}): Limit => ({
    ...{ kind: "limit", topic: "window", id: "g", of: EVENT, per: ["tree"], consequence: "deny" },
    ...{ measure: { kind: "calls" }, limit: most, span: span.kind === "bucket" ? { ...span, burst: most } : span },
    ...more,
  })

  test.each(SPANS)("$kind: a higher limit admits the difference and no more", (span) => {
    const tree = new SteadyTree(limit(10, span))
    const verdicts = (allowed: number, window_full: number) => ({ allowed, window_full })
    expect(tree.calls("files.list", 50, 0, () => ({}))).toEqual(verdicts(10, 40))
    tree.publish(limit(30, span))
    expect(tree.calls("files.list", 50, 0, () => ({}))).toEqual(verdicts(20, 30))
    tree.publish(limit(5, span))
    expect(tree.call("files.list")).toBe("window_full")
  })

  test.each([
    ["a fixed window", { kind: "fixed", seconds: 86_400 }, { kind: "fixed", seconds: SECONDS }],
    ["a bucket", { kind: "bucket", seconds: 86_400, burst: 10 }, { kind: "bucket", seconds: SECONDS, burst: 10 }],
    ["a sliding window", { kind: "sliding", seconds: 86_400 }, { kind: "sliding", seconds: SECONDS }],
  ] as const)("%s of a shorter or a longer span: what was counted a moment ago counts", (_what, longer, shorter) => {
    for (const spans of [
      [longer, shorter],
      [shorter, longer],
    ] as const) {
      const tree = new SteadyTree(limit(10, spans[0]))
      tree.calls("files.list", 10, 0, () => ({}))
      tree.publish(limit(10, spans[1]))
      expect(tree.call("files.list")).toBe("window_full")
    }
  })

  test("distinct values, and repeated calls: a higher limit admits the difference and no more", () => {
    const repeats = (most: number) =>
      limit(most, { kind: "sliding", seconds: SECONDS }, { topic: "loop", per: ["task", "call"] })
    const looping = new SteadyTree(repeats(2))
    expect(looping.calls("files.list", 9, 1, () => ({ x: 1 }))).toEqual({ allowed: 2, call_repeated: 7 })
    looping.publish(repeats(6))
    expect(looping.calls("files.list", 9, 1, () => ({ x: 1 }))).toEqual({ allowed: 4, call_repeated: 5 })

    const values = (most: number) =>
      limit(most, { kind: "sliding", seconds: SECONDS }, { measure: { kind: "distinct", field: "arguments.x" } })
    const naming = new SteadyTree(values(2))
    expect(naming.calls("files.list", 9, 1, (x) => ({ x }))).toEqual({ allowed: 2, window_full: 7 })
    naming.publish(values(6))
    expect(naming.calls("files.list", 9, 1, (x) => ({ x }))).toEqual({ allowed: 6, window_full: 3 })
  })
})

describe("circles", () => {
  const circles = (times: number, longest: number): Guardrail => {
    return { kind: "cycle", id: "g", of: EVENT, longest, times, per: "task", consequence: "deny" }
  }
  const rounds = (tree: SteadyTree, length: number, many: number): string[] =>
    Array.from({ length: length * many }, (_, turn) => tree.call("files.list", { x: turn % length }))

  test("that may go round more often, or less often, are counted from where they began", () => {
    const raised = new SteadyTree(circles(2, 3))
    expect(new Set(rounds(raised, 3, 1))).toEqual(new Set(["allowed"]))
    raised.publish(circles(6, 3))
    expect(rounds(raised, 3, 5).lastIndexOf("allowed")).toBe(13)
    const lowered = new SteadyTree(circles(6, 3))
    expect(new Set(rounds(lowered, 3, 1))).toEqual(new Set(["allowed"]))
    lowered.publish(circles(2, 3))
    expect(rounds(lowered, 3, 1)).toEqual(["allowed", "allowed", "calls_circle"])
  })

  test("that are longer than the longest so far are counted from where they began, and no other is one", () => {
    const tree = new SteadyTree(circles(2, 2))
    expect(new Set(rounds(tree, 8, 1))).toEqual(new Set(["allowed"]))
    tree.publish(circles(2, 8))
    expect(rounds(tree, 8, 1)).toEqual([...Array.from({ length: 7 }, () => "allowed"), "calls_circle"])
    const other = new SteadyTree(circles(3, 6))
    expect(new Set(rounds(other, 5, 2))).toEqual(new Set(["allowed"]))
    other.publish(circles(2, 4))
    expect(other.call("files.list", { x: 0 })).toBe("allowed")
  })
})

describe("a bucket", () => {
  const bucket = (most: number, burst = 10, seconds = 10): Limit => ({
    ...{ kind: "limit", topic: "window", id: "g", of: EVENT, per: ["tree"], consequence: "deny" },
    ...{ measure: { kind: "calls" }, limit: most, span: { kind: "bucket", seconds, burst } },
  })

  test("fills by the figures that held when it was last taken from, until it is taken from again", () => {
    const raised = new SteadyTree(bucket(10))
    expect(raised.calls("files.list", 10, 0, () => ({}))).toEqual({ allowed: 10 })
    raised.publish(bucket(1000))
    raised.now += 999
    expect(raised.call("files.list")).toBe("window_full")
    raised.now += 1
    expect([raised.call("files.list"), raised.call("files.list")]).toEqual(["allowed", "window_full"])
    raised.now += 10
    expect(raised.call("files.list")).toBe("allowed")

    const lowered = new SteadyTree(bucket(1000))
    expect(lowered.calls("files.list", 10, 0, () => ({}))).toEqual({ allowed: 10 })
    lowered.publish(bucket(10))
    lowered.now += 9
    expect(lowered.call("files.list")).toBe("window_full")
    lowered.now += 1
    expect([lowered.call("files.list"), lowered.call("files.list")]).toEqual(["allowed", "window_full"])
    lowered.now += 999
    expect(lowered.call("files.list")).toBe("window_full")
  })

  test("of which less than before fits in holds no more than that, and is not empty for longer than before", () => {
    const tree = new SteadyTree(bucket(100_000, 100_000, 1000))
    expect(tree.calls("files.list", 1000, 0, () => ({}))).toEqual({ allowed: 1000 })
    tree.publish(bucket(1, 1, 86_400))
    expect(tree.call("files.list")).toBe("window_full")
    tree.now += 10_000
    expect([tree.call("files.list"), tree.call("files.list")]).toEqual(["allowed", "window_full"])
    tree.now += 86_399_999
    expect(tree.call("files.list")).toBe("window_full")
  })
})
