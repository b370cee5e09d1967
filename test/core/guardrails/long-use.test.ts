/**
 * Guardrails after long, steady use, at ten times the bound of what they keep: nothing is admitted that the exact count
 * forbids, and nothing is denied but for the error that docs/guides/guardrails.md states. `npm run test:guardrails` is the long
 * run.
 */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import type { Condition, Threshold } from "../../../src/core/guardrails/condition.ts"
import type { Guardrail } from "../../../src/core/guardrails/kinds.ts"
import type { Limit } from "../../../src/core/guardrails/limit-definition.ts"
import { ownerOf, updatesOf, readLimit } from "../../../src/core/guardrails/limit-meter.ts"
import { Memory } from "../../../src/core/guardrails/memory.ts"
import { precisionOf, SlidingMeter } from "../../../src/core/guardrails/meter/sliding.ts"
import { applyUpdates } from "../../../src/core/guardrails/memory-update.ts"
import { shortOrLong } from "../../harness/runs.ts"
import { SteadyTree } from "../../harness/steady-tree.ts"

const HOUR_MS = 3_600_000
/** Of a span: the error that is stated. */
const ERROR = 0.01

/** Amounts with their times, each walked. */
class Exact {
  readonly #times: number[] = []
  readonly #sums: number[] = [0]

  add(at: number, amount: number): void {
    this.#times.push(at)
    this.#sums.push((this.#sums.at(-1) ?? 0) + amount)
  }

  /** What came after that time. */
  since(time: number): number {
    let [low, high] = [0, this.#times.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#times[middle] ?? 0) > time) high = middle
      else low = middle + 1
    }
    return (this.#sums.at(-1) ?? 0) - (this.#sums[low] ?? 0)
  }
}

describe("a meter with ten times as many amounts in a span as it keeps apart", () => {
  test.each([
    ["one of few cells", 1, 131_072],
    ["one of ten thousand", 10_000, 16],
  ])("%s counts none too few, and none longer than a hundredth of the span", (_what, cells, apart) => {
    const spanMs = HOUR_MS
    const exact = new Exact()
    const meter = new SlidingMeter()
    const precision = precisionOf(cells, spanMs)
    expect(precision.apart).toBe(apart)
    const many = 10 * apart
    let now = 0
    for (let turn = 0; turn < 3 * many; turn++) {
      // Steady, then in bursts.
      now += turn < many ? spanMs / many : turn % 100 === 0 ? (100 * spanMs) / many : 0
      meter.admit(1 + (turn % 3), now, precision)
      exact.add(now, 1 + (turn % 3))
      if (turn % 97 !== 0) continue
      const [late, early] = [meter.upTo(spanMs, now), meter.atLeast(spanMs, now)]
      expect(late).toBeGreaterThanOrEqual(exact.since(now - spanMs))
      expect(late).toBeLessThanOrEqual(exact.since(now - spanMs * (1 + ERROR)))
      expect(early).toBeLessThanOrEqual(exact.since(now - spanMs))
      expect(early).toBeGreaterThanOrEqual(exact.since(now - spanMs * (1 - ERROR)))
    }
    expect(meter.upTo(spanMs, now + spanMs)).toBe(0)
  })

  test("waiting as long as it says is enough, whatever is asked", () => {
    const property = fc.property(
      fc.array(fc.record({ ms: fc.nat({ max: 40 }), amount: fc.integer({ min: 1, max: 5 }) }), {
        minLength: 300,
        maxLength: 600,
      }),
      fc.integer({ min: 1, max: 400 }),
      (amounts, asked) => {
        const meter = new SlidingMeter()
        let now = 0
        for (const { ms, amount } of amounts) meter.admit(amount, (now += ms), { apart: 16, slotMs: 20 })
        const { waits } = meter.read(400, 2000, asked, now)
        if (waits === 0) return
        expect(meter.read(400, 2000, asked, now + waits - 1).waits).toBe(1)
        expect(meter.read(400, 2000, asked, now + waits).waits).toBe(0)
      },
    )
    fc.assert(property, { seed: 20261127, numRuns: 100 })
  })
})

const EVENT = { tools: ["files.list"], where: [] }
const rule = (tools: readonly string[], require: Condition): Guardrail => {
  return { kind: "sequence", id: "g", of: { tools }, consequence: "deny", require }
}
const counted = (is: Threshold): Condition => ({ kind: "count", event: EVENT, seconds: 3600, is })
const summed = (is: Threshold): Condition => {
  return { kind: "sum", event: EVENT, field: "arguments.amount", seconds: 3600, is }
}

describe("a rule that counts what it judges, for 30 hours", () => {
  test.each([
    ["count", counted({ atMost: 1000 }), 1],
    ["sum", summed({ atMost: 20_000_000 }), 2],
  ] as const)("%s: below the limit nothing is denied", (_what, require, amount) => {
    const tree = new SteadyTree(rule(["files.list"], require))
    expect(tree.calls("files.list", 30_000, HOUR_MS / 980, () => ({ amount }))).toEqual({ allowed: 30_000 })
  })

  test.each([
    ["count", counted({ atMost: 3000 }), () => 1, 1],
    ["sum", summed({ atMost: 60_000_000 }), (turn: number) => 1 + (turn % 3), 2],
  ] as const)(
    "%s: at twice the limit never more, and none less than the error says",
    (_what, require, amountOf, mean) => {
      const tree = new SteadyTree(rule(["files.list"], require))
      const exact = new Exact()
      const most = 3000 * mean
      const verdicts = { allowed: 0, denied: 0 }
      for (let turn = 0; turn < 30_000; turn++) {
        // In bursts of a hundred.
        if (turn % 100 === 0) tree.now += HOUR_MS / 60
        const amount = amountOf(turn)
        const isAllowed = tree.call("files.list", { amount }) === "allowed"
        verdicts[isAllowed ? "allowed" : "denied"] += 1
        if (!isAllowed) expect(exact.since(tree.now - HOUR_MS * (1 + ERROR)) + amount).toBeGreaterThan(most)
        else exact.add(tree.now, amount)
        expect(exact.since(tree.now - HOUR_MS)).toBeLessThanOrEqual(most)
      }
      expect(verdicts.allowed).toBeGreaterThan(14_000)
      expect(verdicts.denied).toBeGreaterThan(9000)
    },
  )
})

describe("a rule that asks for so many before: it errs on the side of denying, by a hundredth of the span", () => {
  test.each([
    ["require at_least", counted({ atLeast: 2500 }), "fewer"],
    ["forbid at_most", { kind: "not", of: counted({ atMost: 2499 }) }, "fewer"],
    ["require at_most", counted({ atMost: 2499 }), "more"],
    ["forbid at_least", { kind: "not", of: counted({ atLeast: 2500 }) }, "more"],
  ] as const)("%s", (_what, require, denies) => {
    const tree = new SteadyTree(rule(["desk.pay"], require))
    const exact = new Exact()
    const verdicts = { allowed: 0, denied: 0 }
    for (let turn = 0; turn < 12_000; turn++) {
      // Waves round the threshold.
      tree.now += turn % 4000 < 2000 ? 1100 : 1800
      expect(tree.call("files.list")).toBe("allowed")
      exact.add(tree.now, 1)
      const isAllowed = tree.call("desk.pay") === "allowed"
      verdicts[isAllowed ? "allowed" : "denied"] += 1
      const now = exact.since(tree.now - HOUR_MS)
      const most = exact.since(tree.now - HOUR_MS * (1 + ERROR))
      const least = exact.since(tree.now - HOUR_MS * (1 - ERROR))
      if (denies === "fewer") expect(isAllowed ? now >= 2500 : least < 2500).toBe(true)
      else expect(isAllowed ? now < 2500 : most >= 2500).toBe(true)
    }
    expect(Math.min(verdicts.allowed, verdicts.denied)).toBeGreaterThan(1000)
  })
})

const LIMIT = {
  kind: "limit",
  id: "g",
  of: EVENT,
  consequence: "deny",
  measure: { kind: "calls" },
  span: { kind: "sliding", seconds: 86_400 },
} as const

/** Without the decision about it, which is many times as much work. */
function admit(memory: Memory, limit: Limit, key: string, now: number): boolean {
  if (readLimit(memory, limit, key, 1, now).waits > 0) return false
  applyUpdates(memory, updatesOf(memory, limit, key, 1), now)
  return true
}

test.each([1, 31])(
  "a budget of many in %i days: at 86 % of it nothing is denied, and at twice of it never more admitted",
  (days) => {
    const spanMs = days * 86_400_000
    const most = shortOrLong(200_000, 1_000_000)
    const apart = spanMs / most
    const budget: Limit = {
      ...LIMIT,
      topic: "budget",
      per: ["tree"],
      limit: most,
      span: { kind: "sliding", seconds: spanMs / 1_000 },
    }
    const memory = new Memory()
    const exact = new Exact()
    let now = 0
    let denied = 0
    for (let turn = 0; turn < 1.2 * most; turn++) {
      now += apart / 0.86
      const at = Math.floor(now)
      if (admit(memory, budget, "", at)) exact.add(at, 1)
      else denied += 1
    }
    expect(denied).toBe(0)
    for (let turn = 0; turn < most; turn++) {
      now += apart / 2
      const at = Math.floor(now)
      if (admit(memory, budget, "", at)) exact.add(at, 1)
      else {
        denied += 1
        expect(exact.since(at - spanMs * (1 + ERROR))).toBeGreaterThanOrEqual(most)
      }
      if (turn % 1000 === 0) expect(exact.since(at - spanMs)).toBeLessThanOrEqual(most)
    }
    expect(denied).toBeGreaterThan(most / 5)
  },
)

describe("repeated calls", () => {
  const KNOWN = 114_688
  const repeats = (limit: number): Limit => ({ ...LIMIT, topic: "loop", per: ["task", "call"], limit })

  test("a call that was never made before is admitted after more others than are kept, and one that was made is counted", () => {
    const others = shortOrLong(KNOWN + 5_000, 250_000)
    const tree = new SteadyTree(repeats(5))
    const often = (): string => tree.call("files.list", { x: "often" })
    expect([often(), often()]).toEqual(["allowed", "allowed"])
    expect(tree.call("files.list", { x: "once" })).toBe("allowed")
    expect(tree.calls("files.list", others, 1, (x) => ({ x }))).toEqual({ allowed: others })
    expect([often(), often(), often(), often()]).toEqual(["allowed", "allowed", "allowed", "call_repeated"])
    const verdicts = tree.calls("files.list", 9, 1, () => ({ x: "once" }))
    // It is not known any more that it was made once: at most that it may have been twice.
    expect(verdicts["allowed"]).toBeGreaterThanOrEqual(3)
    expect(verdicts["allowed"]).toBeLessThanOrEqual(4)
  })

  test.each([1, 3])("of %i: never more, and none less up to as many as docs/guides/guardrails.md says", (most) => {
    const limit = repeats(most)
    const memory = new Memory()
    let now = 0
    const admitted = new Map<string, number>()
    const call = (key: string): boolean => {
      const isAllowed = admit(memory, limit, key, now)
      if (isAllowed) admitted.set(key, (admitted.get(key) ?? 0) + 1)
      return isAllowed
    }
    for (let turn = 0; turn < KNOWN * most; turn++) {
      now += 1
      if (!call(`${turn}`)) expect.fail(`${turn} was never made before`)
    }
    // The long run: ten times the bound, all within a span. Those of before are repeated too.
    for (let turn = 0; turn < KNOWN * shortOrLong(1, 5); turn++) {
      now += 1
      call(turn % 3 === 0 ? `${turn % 1000}` : `more ${turn}`)
      call(`${(turn * 7919) % (KNOWN * most)}`)
    }
    expect(Math.max(...[...admitted.values()].slice(0, 100_000))).toBeLessThanOrEqual(most)
    expect([...admitted.values()].every((many) => many <= most)).toBe(true)
    // Nothing stays behind.
    now += 86_400_000
    for (let turn = 0; turn < 1000; turn++) expect(call(`new ${turn}`)).toBe(true)
  })

  test("a steady agent that makes each call twice: below ten thousand a span nothing is denied", () => {
    const tree = new SteadyTree(repeats(3))
    const verdicts = tree.calls("files.list", 60_000, 86_400_000 / 19_000, (turn) => ({ x: turn >> 1 }))
    expect(verdicts).toEqual({ allowed: 60_000 })
  })

  test("as often as the owner of a guardrail says, whatever else it is about", () => {
    expect(ownerOf(repeats(5))).toBe(ownerOf(repeats(2)))
  })
})
