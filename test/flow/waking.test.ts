/** A ledger that wakes reads what lives, whatever it has kept of trees that have ended. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { afterEach, describe, expect, test, vi } from "vitest"
import { openTask, type OpenTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { ledgerOf } from "../harness/ledgers.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { recordsOf } from "../harness/records.ts"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { Proofs } from "../../src/core/task/proof-log.ts"

yardForEach()
afterEach(() => vi.useRealTimers())

/** Roots of the trees that a waking would hold in memory now. */
const loadedOf = async ({ task }: OpenTask): Promise<readonly string[]> =>
  runInDurableObject(ledgerOf(task), (_ledger, { storage }) => {
    const state = new LedgerStorage(storage.sql).load(Date.now(), (wokenAt) => new Proofs("", wokenAt))
    return [...(state?.trees.keys() ?? [])]
  })
const rowsOf = async ({ task }: OpenTask, table: string): Promise<number> =>
  runInDurableObject(
    ledgerOf(task),
    (_ledger, { storage }) => storage.sql.exec(`SELECT 1 FROM ${table}`).toArray().length,
  )
const later = (milliseconds: number): void => {
  vi.useFakeTimers({ now: Date.now() + milliseconds, toFake: ["Date"] })
  forgetCaches()
}
const MINUTE_MS = 60_000

describe("trees that have ended", () => {
  test("are not read when the ledger wakes, and are known when somebody asks about them", async () => {
    const living = await openTask("first")
    const ended = await openTask("first")
    expect((await callWith(ended.token, "/files")).code).toBe("ok")
    await complete(ended.task, `Bearer ${ended.token}`)
    later(3 * MINUTE_MS)
    await killObjects()
    expect(await loadedOf(living)).toEqual([living.task])
    const { json } = await manage("GET", `/v1/tasks/${ended.task}`, await bearerOf("viewer"))
    expect(json).toMatchObject({ tasks: [{ id: ended.task, status: "completed", calls: { used: 1 } }] })
    expect((await callWith(ended.token, "/files")).code).toBe("invalid_token")
  })

  test("give each of their records a place of its own, however often memory has forgotten them", async () => {
    const { task, token } = await openTask("first")
    expect((await callWith(token, "/files")).code).toBe("ok")
    await complete(task, `Bearer ${token}`)
    later(2.5 * MINUTE_MS)
    const operator = await bearerOf("operator")
    for (let life = 0; life < 3; life++) {
      await killObjects()
      for (let end = 0; end < 2; end++) await manage("POST", "/v1/revocations", operator, {}, { task })
    }
    const records = await recordsOf(task, 9)
    const places = records.flatMap(({ life, number }) => (number === null ? [] : [`${life}/${number}`]))
    expect(places).toHaveLength(9)
    expect(new Set(places).size).toBe(places.length)
  })

  test("stay in sight while a task below them is quarantined, which keeps its agent from opening another", async () => {
    const { task, token } = await openTask("first")
    await manage("POST", `/v1/tasks/${task}/quarantine`, await bearerOf("operator"))
    later(3 * MINUTE_MS)
    await killObjects()
    expect(await loadedOf({ task, token, scope: "" })).toEqual([task])
  })

  test("are forgotten an hour after they could have acted, and the ledger with the last of them", async () => {
    const living = await openTask("first")
    const ended = await openTask("first")
    await complete(ended.task, `Bearer ${ended.token}`)
    await killObjects()
    later(20 * MINUTE_MS)
    await runDurableObjectAlarm(ledgerOf(living.task))
    expect([await rowsOf(living, "trees"), await rowsOf(living, "tasks")]).toEqual([2, 2])
    expect(await loadedOf(living)).toEqual([])
    later(61 * MINUTE_MS)
    await runDurableObjectAlarm(ledgerOf(living.task))
    await runInDurableObject(ledgerOf(living.task), (_ledger, { storage }) => {
      expect(storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'trees'").toArray()).toEqual([])
    })
  })
})

test("openings of the last minute count after the ledger has woken, also those of trees that have ended", async () => {
  for (let index = 0; index < 3; index++) {
    const { task, token } = await openTask("crowded")
    await complete(task, `Bearer ${token}`)
    await killObjects()
  }
  await expect(openTask("crowded")).rejects.toThrow("rate_limited")
  later(MINUTE_MS)
  expect((await openTask("crowded")).task).toMatch(/^tsk_/)
})
