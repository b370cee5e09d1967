/**
 * Decision records as they rest: they arrive within a second after the answer. On a busy machine the runtime of the tests
 * suspends the timers of a ledger that nobody asks, and the background work of a request that was answered: the record
 * comes when the ledger, or the edge, is asked the next time.
 */
import { listDurableObjectIds } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { expect, vi } from "vitest"
import { findRecordIn, listRecordsIn } from "../../src/audit/record-logs.ts"
import type { RecordLog } from "../../src/audit/record-log.ts"
import type { DecisionRecord } from "../../src/core/record/record.ts"
import { knock } from "./door.ts"
import { US } from "./issuers.ts"

export async function recordOf(decision: string): Promise<DecisionRecord> {
  return arrived(async () => {
    const record = await findRecordIn(await logs(), decision)
    if (!record) throw new Error(`no record ${decision}`)
    return record
  })
}

/** Those that have been told anything: asking the others would make them. */
const logs = async (): Promise<DurableObjectStub<RecordLog>[]> =>
  (await listDurableObjectIds(env.RECORD_LOG)).map((id) => env.RECORD_LOG.get(id))

/** A sending that was cut off with its request is given up after 15 s (src/audit/edge-recorder.ts); the next one follows. */
const ARRIVES_WITHIN_MS = 40_000
const RESTING_AFTER_MS = 2_000

async function arrived<Value>(find: () => Promise<Value>): Promise<Value> {
  let asked = performance.now()
  return vi.waitFor(
    async () => {
      if (performance.now() - asked > RESTING_AFTER_MS) {
        asked = performance.now()
        // Denied, which the edge records; with what waits there it is sent.
        await knock(new Request(`${US}/v1/tasks`))
        for (const id of await listDurableObjectIds(env.LEDGER)) await env.LEDGER.get(id).answered("", "")
      }
      return find()
    },
    { timeout: ARRIVES_WITHIN_MS, interval: 50 },
  )
}

/** Waits until there are as many as expected; fails where there are others. */
export async function recordsOf(task: string, count: number): Promise<readonly DecisionRecord[]> {
  return arrived(async () => {
    const { records } = await listRecordsIn(await logs(), { task, limit: count + 1 })
    expect(records).toHaveLength(count)
    return records
  })
}
