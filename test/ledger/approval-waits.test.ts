/** How many agents may wait for approvals at a time, and what wakes them. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"
import { ApprovalWaits, MAX_WAITS } from "../../src/ledger/approval-waits.ts"

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const MS = 1_000
const settled = (waits: readonly (Promise<void> | null)[]) => {
  const done: number[] = []
  for (const [index, wait] of waits.entries()) void wait?.then(() => done.push(index))
  return done
}
const until = (waits: ApprovalWaits, approval: string, agent: string) => waits.until(approval, historyKeyOf(agent), MS)
const pass = async (ms = 0) => vi.advanceTimersByTimeAsync(ms)

describe("a wait", () => {
  test("ends when its time is over, and not before", async () => {
    const waits = new ApprovalWaits()
    const done = settled([until(waits, "apr", "agent")])
    await pass(MS - 1)
    expect(done).toEqual([])
    await pass(1)
    expect(done).toEqual([0])
  })

  test("ends with each other of the same approval, and of no other, when that is decided", async () => {
    const waits = new ApprovalWaits()
    const done = settled(["apr", "apr", "other"].map((approval) => until(waits, approval, "agent")))
    waits.wake("apr")
    waits.wake("nobody's")
    await pass()
    expect(done).toEqual([0, 1])
    expect(vi.getTimerCount()).toBe(1)
  })
})

describe("no more wait at a time", () => {
  const all = (waits: ApprovalWaits, agent: string, count: number) =>
    Array.from({ length: count }, () => until(waits, "apr", agent))

  test("of an agent", async () => {
    const waits = new ApprovalWaits()
    expect(all(waits, "one", MAX_WAITS.agent)).not.toContain(null)
    expect(until(waits, "other", "one")).toBeNull()
    expect(until(waits, "apr", "two")).not.toBeNull()
  })

  test("of all agents", async () => {
    const waits = new ApprovalWaits()
    const agents = Array.from({ length: MAX_WAITS.ledger / MAX_WAITS.agent }, (_, index) => `agent-${index}`)
    expect(agents.flatMap((agent) => all(waits, agent, MAX_WAITS.agent))).not.toContain(null)
    expect(until(waits, "apr", "another")).toBeNull()
  })

  test.each([
    ["their time is over", async (_waits: ApprovalWaits) => pass(MS)],
    [
      "they were woken, even twice",
      async (waits: ApprovalWaits) => [waits.wake("apr"), waits.wake("apr"), await pass(MS)],
    ],
  ])("and their places are free once %s", async (_when, end) => {
    const waits = new ApprovalWaits()
    for (let round = 0; round < 3; round++) {
      expect(all(waits, "one", MAX_WAITS.agent)).not.toContain(null)
      expect(until(waits, "apr", "one")).toBeNull()
      await end(waits)
    }
    // One of several: its place alone.
    const [first] = [until(waits, "first", "one"), ...all(waits, "one", MAX_WAITS.agent - 1)]
    waits.wake("first")
    waits.wake("first")
    await first
    expect([until(waits, "apr", "one"), until(waits, "apr", "one")]).toEqual([expect.any(Promise), null])
  })
})
