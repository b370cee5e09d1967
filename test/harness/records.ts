/** Decision records as they rest: they arrive within a second after the answer. */
import { env } from "cloudflare:workers"
import { expect, vi } from "vitest"
import { findRecord, findRecords } from "../../src/audit/record-logs.ts"
import type { DecisionRecord } from "../../src/audit/record.ts"

export async function recordOf(decision: string): Promise<DecisionRecord> {
  return vi.waitFor(
    async () => {
      const record = await findRecord(env, decision)
      if (!record) throw new Error(`no record ${decision}`)
      return record
    },
    { timeout: 15_000, interval: 50 },
  )
}

/** Waits until there are as many as expected; fails where there are others. */
export async function recordsOf(task: string, count: number): Promise<readonly DecisionRecord[]> {
  return vi.waitFor(
    async () => {
      const records = await findRecords(env, { task, limit: 1000 })
      expect(records).toHaveLength(count)
      return records
    },
    { timeout: 15_000, interval: 50 },
  )
}
