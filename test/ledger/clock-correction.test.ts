/** What a clock that was ahead has stored, once it is corrected. */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import type { Memory } from "../../src/core/guardrails/memory.ts"
import type { MemoryUpdate } from "../../src/core/guardrails/memory-update.ts"
import { firstIdAt } from "../../src/core/encoding/ids.ts"
import { ENDED_KEPT_MS } from "../../src/ledger/tree-storage.ts"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { Trees } from "../../src/ledger/trees.ts"
import { memoryOf } from "../harness/driven-trees.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { ALICE, assembled, freshProofs, newState, open, opened, POINTER, ROOT } from "../harness/trees.ts"

freshIsolateForEach()

const DAY_MS = 86_400_000
const SPAN_MS = 60_000
const place = { owner: "few", key: "" }
const span = { kind: "sliding", seconds: 60 } as const

/** The memory of a tree on which this was stored a day ahead, as it is loaded now; and now, in milliseconds. */
async function corrected(updates: readonly MemoryUpdate[]): Promise<{ readonly memory: Memory; readonly now: number }> {
  const stub = env.LEDGER.getByName(crypto.randomUUID())
  return runInDurableObject(stub, (_ledger, ctx) => {
    const now = Date.now()
    const trees = new Trees(ctx, env)
    const state = trees.newTreeState(ROOT, ALICE, null, POINTER, assembled().guardrails)
    trees.transaction(true, () => trees.storage.saveTree(state))
    for (let index = 0; index < 3; index++) {
      trees.transaction(true, () =>
        trees.storage.memories.save(state.ledger, [{ scope: ROOT, updates }], now + DAY_MS + index),
      )
    }
    const tree = new LedgerStorage(ctx.storage.sql).load(now, freshProofs)?.trees.get(ROOT)
    if (!tree) throw new Error("nothing was kept")
    expect(tree.ledger.clock).toBe(now)
    return { memory: memoryOf(tree), now }
  })
}

test("amounts of a sliding span count as used now, and no longer than the span", async () => {
  const { memory, now } = await corrected([{ kind: "spend", ...place, amount: 1, limit: 5, span, repeats: null }])
  const meter = memory.sliding.find("few", "")
  expect(meter?.upTo(SPAN_MS, now)).toBeGreaterThan(0)
  expect(meter?.upTo(SPAN_MS, now + 2 * SPAN_MS)).toBe(0)
})

test("counts of a condition are all of this moment", async () => {
  const { memory, now } = await corrected([{ kind: "tally", ...place, amount: 2, spanMs: SPAN_MS }])
  const tally = memory.tallies.find("few", "")
  expect(tally?.atLeast(SPAN_MS, now)).toBeGreaterThanOrEqual(2)
  expect(tally?.upTo(SPAN_MS, now + 2 * SPAN_MS)).toBe(0)
})

test("after a step back, a count that a condition requires is of entries that began within the span", async () => {
  await runInDurableObject(env.LEDGER.getByName(crypto.randomUUID()), (_ledger, ctx) => {
    const now = Date.now()
    const trees = new Trees(ctx, env)
    const state = newState()
    const updates: readonly MemoryUpdate[] = [{ kind: "tally", ...place, amount: 1, spanMs: SPAN_MS }]
    trees.transaction(true, () => trees.storage.saveTree(state))
    for (let index = 0; index < 6; index++) {
      const at = now + DAY_MS + index * 1_000
      trees.transaction(true, () => trees.storage.memories.save(state.ledger, [{ scope: ROOT, updates }], at))
    }
    const tree = new LedgerStorage(ctx.storage.sql).load(now, freshProofs)?.trees.get(ROOT)
    if (!tree) throw new Error("nothing was kept")
    // The last of them was counted at this moment, the first five seconds ago.
    const tally = memoryOf(tree).tallies.find("few", "")
    expect(tally?.atLeast(SPAN_MS, now)).toBe(6)
    expect(tally?.atLeast(SPAN_MS, now + SPAN_MS - 2_500)).toBe(3)
    expect(tally?.upTo(SPAN_MS, now + SPAN_MS - 2_500)).toBe(6)
  })
})

test("a value occurred now, and a call was the last now", async () => {
  const mark = { kind: "mark", ...place, values: ["a"], spanMs: SPAN_MS, slackMs: 0, late: true, most: 10 } as const
  const last = { kind: "last", ...place, value: "a", spanMs: SPAN_MS, slackMs: 0, late: false } as const
  const { memory, now } = await corrected([mark, last])
  expect(memory.marks.find("few", "")?.get("a")?.at).toBe(now)
  expect(memory.lasts.find("few", "")?.at).toBe(now)
})

test("where the platform's clock was behind, what was counted is not forgotten once it is right", async () => {
  const stub = env.LEDGER.getByName(crypto.randomUUID())
  await runInDurableObject(stub, (_ledger, ctx) => {
    const now = Date.now()
    const trees = new Trees(ctx, env)
    const state = trees.newTreeState(ROOT, ALICE, null, POINTER, assembled().guardrails)
    const updates: readonly MemoryUpdate[] = [
      { kind: "spend", ...place, amount: 1, limit: 1, span, repeats: null },
      { kind: "tally", ...place, amount: 1, spanMs: SPAN_MS },
    ]
    trees.transaction(true, () => {
      trees.storage.saveTree(state)
      trees.storage.memories.save(state.ledger, [{ scope: ROOT, updates }], now)
    })
    const usedAt = (clock: number): readonly (number | undefined)[] => {
      const memory = new LedgerStorage(ctx.storage.sql).load(clock, freshProofs)?.memories.of(ROOT)
      return [
        memory?.sliding.find("few", "")?.upTo(SPAN_MS, clock),
        memory?.tallies.find("few", "")?.upTo(SPAN_MS, clock),
      ]
    }
    expect(usedAt(now - DAY_MS)).toEqual([1, 1])
    expect(usedAt(now + 1)).toEqual([1, 1])
    // And then no longer than the span.
    expect(usedAt(now + 2 * SPAN_MS).map((used) => used ?? 0)).toEqual([0, 0])
  })
})

test("openings of trees that have ended count from now, and for a minute", async () => {
  const stub = env.LEDGER.getByName(crypto.randomUUID())
  await runInDurableObject(stub, (_ledger, ctx) => {
    const now = Date.now()
    const trees = new Trees(ctx, env)
    const root = `${firstIdAt("tsk", now + DAY_MS)}${"0".repeat(10)}`
    const state = trees.newTreeState(root, ALICE, null, POINTER, assembled().guardrails)
    opened(open(assembled(), state, "first"))
    const task = state.tasks.get(root)
    if (!task) throw new Error("no task")
    const ahead = { ...task, openedAt: now + DAY_MS, lastCall: now + DAY_MS }
    state.tasks.set(root, ahead)
    trees.transaction(true, () => {
      trees.storage.saveTree(state)
      trees.storage.trees.saveTask(ahead)
      trees.storage.trees.saveEnd([root], { status: "completed", by: "completion" })
      trees.storage.trees.end(state, now + DAY_MS)
    })
    const ledger = new LedgerStorage(ctx.storage.sql).load(now, freshProofs)
    const once = { live: 10, per_minute: 1 }
    expect(ledger?.openings.whyFull(task.historyKey, once, now)).not.toBeNull()
    expect(ledger?.openings.whyFull(task.historyKey, once, now + SPAN_MS)).toBeNull()
    // And none once an alarm has found it.
    trees.transaction(true, () => trees.storage.forgetEnded(now))
    const later = new LedgerStorage(ctx.storage.sql).load(now + SPAN_MS, freshProofs)
    expect(later?.openings.whyFull(task.historyKey, once, now + SPAN_MS)).toBeNull()
    expect(trees.storage.trees.firstUntil()).toBe(now + ENDED_KEPT_MS)
  })
})

test("a task that fresher sessions extend has the life that it was given, from now on", async () => {
  await runInDurableObject(env.LEDGER.getByName(crypto.randomUUID()), (_ledger, ctx) => {
    const now = Date.now()
    const ahead = now + DAY_MS
    const trees = new Trees(ctx, env)
    const state = newState()
    const { task: id } = opened(open(assembled(), state, "first"))
    const task = state.tasks.get(id)
    if (!task) throw new Error("no task")
    const extendable = { until: ahead + 600_000, limitedBy: "purpose_life", client: "app", since: now } as const
    trees.transaction(true, () => {
      trees.storage.saveTree(state)
      trees.storage.trees.saveTask({ ...task, openedAt: ahead, lastCall: ahead, expiresAt: ahead + 60_000, extendable })
    })
    const loaded = new LedgerStorage(ctx.storage.sql).load(now, freshProofs)?.trees.get(ROOT)?.tasks.get(id)
    expect(loaded).toMatchObject({ openedAt: now, expiresAt: now + 60_000, extendable: { until: now + 600_000 } })
  })
})

test("a token opens what it opened, and for no longer than a token may", async () => {
  await runInDurableObject(env.LEDGER.getByName(crypto.randomUUID()), (_ledger, ctx) => {
    const now = Date.now()
    const trees = new Trees(ctx, env)
    const state = newState()
    const { task: id } = opened(open(assembled(), state, "first"))
    const task = state.tasks.get(id)
    if (!task) throw new Error("no task")
    const ahead = now + DAY_MS
    trees.transaction(true, () => {
      trees.storage.saveTree(state)
      trees.storage.trees.saveTask({ ...task, openedAt: ahead, lastCall: ahead, expiresAt: ahead + 3_600_000 }, [
        ["whole", ahead + 600_000, null],
        ["narrower", 0, null, ahead + 600_000, "files.list:read"],
      ])
    })
    const tokens = new LedgerStorage(ctx.storage.sql).load(now, freshProofs)?.trees.get(ROOT)?.tokens
    const expiresAt = now + 900_000
    expect(tokens?.get("whole")).toMatchObject({ expiresAt })
    expect(tokens?.get("narrower")).toMatchObject({ expiresAt, scope: "files.list:read" })
  })
})
