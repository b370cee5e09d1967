import { reset, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { findRecord, listArrivals, listRecords } from "../../src/audit/record-logs.ts"
import { batchOf, recordOf, storedForm } from "../../src/core/record/record.ts"
import { MAX_BATCH_BYTES, type RecordLog } from "../../src/audit/record-log.ts"

beforeEach(async () => reset())

test("batches that nobody asks for stay bounded, also where large ones follow small ones", async () => {
  const log = env.RECORD_LOG.getByName("bounded")
  for (let index = 0; index < 3; index++) await log.append(1, "[]")
  await log.append(100_000, "[]")
  const kept = await runInDurableObject(
    log,
    (_object, { storage }) => storage.sql.exec<{ sum: number }>("SELECT total(count) AS sum FROM batches").one().sum,
  )
  expect(kept).toBe(100_000)
})

test("a batch that would be too long a row where it is deployed is refused here too, and spoils nothing", async () => {
  const log = env.RECORD_LOG.getByName("records-0")
  const batch = (id: string, characters: number): string =>
    JSON.stringify([{ id, code: "ok", decision: "allow", kind: "call", path: "é".repeat(characters) }])
  expect(await log.append(1, batch("dec_fits", MAX_BATCH_BYTES / 2 - 100))).toBe("kept")
  expect(await log.append(1, batch("dec_long", MAX_BATCH_BYTES / 2))).toBe("too_long")
  expect(await findRecord(env, "dec_fits")).toMatchObject({ id: "dec_fits" })
  expect(await findRecord(env, "dec_long")).toBeNull()
})

/** So many records that nobody has asked about, in batches as ledgers send them. */
async function filled(log: DurableObjectStub<RecordLog>, batches: number, size: number): Promise<void> {
  for (let batch = 0; batch < batches; batch++) {
    const records = Array.from({ length: size }, (_, at) => {
      const id = `dec_${String(batch * size + at).padStart(8, "0")}`
      return storedForm(recordOf({ id, at: 0, kind: "call", chain: ["spiffe://example.org/agent/first"] }))
    })
    await log.append(size, batchOf(records))
  }
}

test("a question about records that nobody has asked about for long lets others write meanwhile, and sees all", async () => {
  const log = env.RECORD_LOG.getByName("records-0")
  await filled(log, 20, 200)
  const order: string[] = []
  const question = log.list({ limit: 10_000 }).then((found) => {
    order.push("question")
    return found
  })
  const batch = batchOf([storedForm(recordOf({ id: "dec_99999999", at: 0, kind: "call" }))])
  const write = log.append(1, batch).then(() => order.push("write"))
  const [found] = await Promise.all([question, write])
  expect(order).toEqual(["write", "question"])
  expect(found.rows.filter(({ id }) => id !== "dec_99999999")).toHaveLength(4_000)
  expect(await log.get("dec_99999999")).not.toBeNull()
})

test("questions at once see each record, and each once", async () => {
  const log = env.RECORD_LOG.getByName("records-0")
  await filled(log, 6, 50)
  const found = await Promise.all([log.list({ limit: 1_000 }), log.list({ limit: 1_000 }), log.agentsSeen()])
  expect(found[0].rows).toHaveLength(300)
  expect(found[1].rows).toHaveLength(300)
  expect(found[2].rows).toMatchObject([{ calls: 300 }])
})

test("what follows by arrival sees each record once: late ones, more than one answer holds, and none that was sent twice", async () => {
  const agent = "spiffe://example.org/agent/first"
  const send = async (shard: number, ids: readonly string[], chain: readonly string[] = [agent]): Promise<void> => {
    const records = ids.map((id) => storedForm(recordOf({ id: `dec_${id}`, at: 0, kind: "call", chain })))
    await env.RECORD_LOG.getByName(`records-${shard}`).append(ids.length, batchOf(records))
  }
  await send(0, ["5", "6"])
  await send(3, ["7"])
  const which = { agent, limit: 12 }
  const first = await listRecords(env, which)
  expect(first.records.map(({ id }) => id)).toEqual(["dec_7", "dec_6", "dec_5"])
  let { arrived } = first
  const next = async (): Promise<readonly string[]> => {
    const found = await listArrivals(env, which, arrived)
    arrived = found.arrived
    return found.records.map(({ id }) => id)
  }
  expect(await next()).toEqual([])
  // Made before all others; one was sent twice, and another agent's are none of these.
  await send(0, ["1", "6"])
  await send(3, ["9", "8", "4"], ["spiffe://example.org/agent/second"])
  await send(2, ["2"])
  expect(await next()).toEqual(["dec_1", "dec_2"])
  // An answer has two of each log.
  await send(1, ["c", "b", "a"])
  await send(3, ["3"])
  expect(await next()).toEqual(["dec_3", "dec_b", "dec_c"])
  expect(await next()).toEqual(["dec_a"])
  expect(await next()).toEqual([])
})

test("no answer has more than are wanted, also where that is less than there are logs, and none is left out", async () => {
  const which = { kind: "call", limit: 2 }
  let { arrived } = await listRecords(env, which)
  for (const [shard, ids] of ["1 7", "3 9", "5 b", "2 8"].entries()) {
    const records = ids.split(" ").map((each) => storedForm(recordOf({ id: `dec_${each}`, at: 0, kind: "call" })))
    await env.RECORD_LOG.getByName(`records-${shard}`).append(2, batchOf(records))
  }
  const answers: string[][] = []
  for (let answer = 0; answer < 5; answer++) {
    const found = await listArrivals(env, which, arrived)
    arrived = found.arrived
    answers.push(found.records.map(({ id }) => id))
  }
  expect(answers).toEqual([["dec_1", "dec_2"], ["dec_3", "dec_5"], ["dec_7", "dec_8"], ["dec_9", "dec_b"], []])
})
