import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { recordOf, type DecisionRecord } from "../../src/core/record/record.ts"
import { findRecords } from "../../src/audit/record-logs.ts"
import { RecordLog } from "../../src/audit/record-log.ts"
import { newId } from "../../src/platform/new-id.ts"
import { byteLength } from "../../src/core/encoding/bytes.ts"
import { Outbox } from "../../src/ledger/record-outbox.ts"
import type { Journal } from "../../src/ledger/journal.ts"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { openTask, openTaskFor } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { recordsOf } from "../harness/records.ts"
import { logged, provoke } from "../harness/worker-log.ts"
import { evict, ledgerOf } from "../harness/ledgers.ts"
import { freshProofs } from "../harness/trees.ts"

const COUNT = 300

beforeEach(async () => {
  await publish(await yard())
  // As a deployed object answers to a row that is too long; a local one takes any.
  // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
  const { append } = RecordLog.prototype
  vi.spyOn(RecordLog.prototype, "append").mockImplementation(function (this: RecordLog, count, batch) {
    if (byteLength(batch) > 2_000_000) throw new Error("string or blob too big: SQLITE_TOOBIG")
    return append.call(this, count, batch)
  })
})
freshIsolateForEach()

function outboxOf(state: DurableObjectState, journal = journalOf(state)): Outbox {
  return new Outbox(state, env, () => journal)
}

function journalOf({ storage }: DurableObjectState): Journal {
  const kept = new LedgerStorage(storage.sql)
  kept.load(Date.now(), freshProofs)
  return kept.journal
}

/** As long as a record may be. */
const bigRecord = (task: string, at: number): DecisionRecord => {
  const id = `dec_${String(at).padStart(4, "0")}`
  const filler = Object.fromEntries(Array.from({ length: 32 }, (_, index) => [`n${index}`, "€".repeat(1_000)]))
  const many = Array.from({ length: 32 }, (_, index) => "x".repeat(200) + index)
  return recordOf({ id, at, kind: "call", task, tool: "files.write", arguments: filler, labels: many })
}

describe("an outbox with more big records than fit into a row of the log", () => {
  test.each<readonly [string, (outbox: Outbox, record: DecisionRecord) => void]>([
    ["of what must not be lost", (outbox, record) => outbox.keep(record)],
    ["of reads", (outbox, record) => outbox.keepRead(() => record, 0)],
    ["of long reads", (outbox, record) => outbox.keepRead(() => record, 10_000)],
  ])("delivers all: %s", async (_, keep) => {
    const { task } = await openTask()
    await recordsOf(task, 1)
    await runInDurableObject(ledgerOf(task), (_ledger, state) => {
      const journal = journalOf(state)
      const outbox = outboxOf(state, journal)
      for (let at = 0; at < COUNT; at++) {
        keep(outbox, bigRecord(task, at))
        journal.commit(Date.now())
      }
    })
    const records = await recordsOf(task, COUNT + 1)
    expect(records.filter(({ arguments: shown }) => Object.keys(shown).length === 32)).toHaveLength(COUNT)
  })
})

test("a record of a read that cannot be made takes no other along", async () => {
  provoke("record_not_made")
  const { task } = await openTask()
  await recordsOf(task, 1)
  await runInDurableObject(ledgerOf(task), (_ledger, state) => {
    const outbox = outboxOf(state)
    const broken = (): never => {
      throw new Error("a defect, by a test")
    }
    outbox.keepRead(() => bigRecord(task, 1), 0)
    outbox.keepRead(broken, 0)
    outbox.keepRead(() => bigRecord(task, 2), 0)
  })
  expect(await recordsOf(task, 3)).toHaveLength(3)
})

test("reads of a ledger that dies before it sends them are sent by the next one that wakes", async () => {
  const { task } = await openTask()
  await recordsOf(task, 1)
  await runInDurableObject(ledgerOf(task), async (_ledger, state) => {
    const none = setTimeout(() => undefined)
    const timers = vi.spyOn(globalThis, "setTimeout").mockReturnValue(none)
    outboxOf(state).keepRead(() => bigRecord(task, 1), 0)
    expect(timers).toHaveBeenCalled()
    timers.mockRestore()
    outboxOf(state).sendLeftOver()
  })
  await recordsOf(task, 2)
})

test("reads that their log did not take are sent again, although no other call follows and their ledger is evicted", async () => {
  const { task } = await openTask()
  await recordsOf(task, 1)
  const down = vi.spyOn(RecordLog.prototype, "append").mockImplementation(() => {
    throw new Error("taken down by a test")
  })
  await runInDurableObject(ledgerOf(task), (_ledger, state) => {
    const id = newId("dec", Date.now())
    outboxOf(state).keepRead(() => recordOf({ id, at: 0, kind: "call", task, tool: "files.read" }), 0)
  })
  await vi.waitFor(() => expect(logged("records_not_sent").length).toBeGreaterThan(0), { timeout: 5_000 })
  down.mockRestore()
  await evict(task)
  // Only the logs are queried: nothing wakes the ledger.
  await vi.waitFor(async () => expect(await findRecords(env, { task, limit: 10 })).toHaveLength(2), {
    timeout: 25_000,
    interval: 500,
  })
}, 40_000)

test("while its log hangs, no more reads are kept or on their way than may wait; what came later is sent in the end", async () => {
  const { task } = await openTask()
  await recordsOf(task, 1)
  const hanging: number[] = []
  const hangs = vi.spyOn(RecordLog.prototype, "append").mockImplementation(async (count) => {
    hanging.push(count)
    return new Promise<never>(() => undefined)
  })
  await runInDurableObject(ledgerOf(task), async (_ledger, state) => {
    const outbox = outboxOf(state)
    for (let round = 0; round < 6; round++) {
      for (let at = 0; at < 1_500; at++) {
        const id = newId("dec", Date.now())
        outbox.keepRead(() => recordOf({ id, at: 0, kind: "call", task, tool: "files.read" }), 0)
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })
  expect(hanging.length).toBeGreaterThan(0)
  // A batch at a time, and never a second one while the first has no answer.
  expect(hanging.reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(500)
  hangs.mockRestore()
  const found = async (count: number) =>
    vi.waitFor(
      async () => {
        const records = await findRecords(env, { task, limit: 10_000 })
        expect(records.length).toBeGreaterThanOrEqual(count)
        return records
      },
      { timeout: 15_000, interval: 200 },
    )
  // Of 9,000 reads 4,000, the record of the token, and behind all that wait one that comes later.
  await found(4_001)
  await runInDurableObject(ledgerOf(task), (_ledger, state) => {
    const last = recordOf({ id: "dec_last", at: 0, kind: "call", task, tool: "files.read" })
    outboxOf(state).keepRead(() => last, 0)
  })
  expect((await found(4_002)).map(({ id }) => id)).toContain("dec_last")
  expect(await findRecords(env, { task, limit: 10_000 })).toHaveLength(4_002)
}, 30_000)

describe("a ledger whose sending of reads has taken so long that another ledger sends in its place", () => {
  const reads = async (task: string, count: number): Promise<void> => {
    await runInDurableObject(ledgerOf(task), async (_ledger, state) => {
      const outbox = outboxOf(state)
      for (let at = 0; at < count; at++) {
        const id = newId("dec", Date.now())
        outbox.keepRead(() => recordOf({ id, at: 0, kind: "call", task, tool: "files.read" }), 0)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    })
  }
  const found = async (task: string): Promise<number> => (await findRecords(env, { task, limit: 10_000 })).length

  /** Both have a batch on its way, which the log keeps only once it is released. */
  async function replaced() {
    const [slow, next] = [await openTask(), await openTaskFor("bob")]
    for (const { task } of [slow, next]) await recordsOf(task, 1)
    vi.restoreAllMocks()
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { append } = RecordLog.prototype
    const log = { isSlow: false, held: 0, released: 0 }
    vi.spyOn(RecordLog.prototype, "append").mockImplementation(async function (this: RecordLog, count, batch) {
      const place = log.isSlow && batch.includes("files.read") ? ++log.held : 0
      while (place > log.released) await new Promise((resolve) => setTimeout(resolve, 20))
      return append.call(this, count, batch)
    })
    // While the clock stands still nothing is sent after the first one. `vi.waitFor` would move the clock on.
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"] })
    vi.setSystemTime(start)
    await reads(slow.task, 1)
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(await found(slow.task)).toBe(2)
    log.isSlow = true
    await reads(slow.task, 1_200)
    vi.setSystemTime(start + 1_000)
    await vi.waitFor(() => expect(log.held).toBe(1), 3_000)
    vi.setSystemTime(start + 62_000)
    await reads(next.task, 1)
    await vi.waitFor(() => expect(log.held).toBe(2), 3_000)
    const recover = (): void => {
      log.isSlow = false
      vi.setSystemTime(start + 70_000)
    }
    return { slow: slow.task, next: next.task, log, recover }
  }

  test("sends nothing more, and takes none of the other's", async () => {
    const { slow, next, log, recover } = await replaced()
    log.released = 1
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(log.held).toBe(2)
    recover()
    log.released = 2
    await vi.waitFor(async () => expect([await found(slow), await found(next)]).toEqual([1_202, 2]), 10_000)
  }, 30_000)

  test("loses no record, even if the log never answers it", async () => {
    const { slow, next, recover } = await replaced()
    // Until both have been given up.
    await new Promise((resolve) => setTimeout(resolve, 6_000))
    recover()
    await reads(next, 1)
    await vi.waitFor(async () => expect([await found(slow), await found(next)]).toEqual([1_202, 3]), 10_000)
  }, 30_000)
})

test("a tree that calls in a rush while the log hangs costs no other tree its records", async () => {
  const rush = await openTask()
  const others = [await openTaskFor("bob"), await openTaskFor("carol"), await openTaskFor("dave")]
  for (const { task } of [rush, ...others]) await recordsOf(task, 1)
  const hangs = vi.spyOn(RecordLog.prototype, "append").mockImplementation(async () => new Promise(() => undefined))
  const reads = async (task: string, count: number): Promise<void> => {
    await runInDurableObject(ledgerOf(task), async (_ledger, state) => {
      const outbox = outboxOf(state)
      for (let at = 0; at < count; at++) {
        const id = newId("dec", Date.now())
        outbox.keepRead(() => recordOf({ id, at: 0, kind: "call", task, tool: "files.read" }), 0)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    })
  }
  await reads(rush.task, 3_900)
  await reads(rush.task, 3_900)
  for (const { task } of others) await reads(task, 600)
  await reads(rush.task, 3_900)
  hangs.mockRestore()
  const found = async (task: string): Promise<number> => (await findRecords(env, { task, limit: 10_000 })).length
  await vi.waitFor(
    async () => {
      for (const { task } of others) expect(await found(task)).toBe(601)
      expect(await found(rush.task)).toBeGreaterThan(1_500)
    },
    { timeout: 20_000, interval: 300 },
  )
  expect(await found(rush.task)).toBeLessThanOrEqual(4_001 - 3 * 600)
}, 40_000)
