/** A ledger from outside: what it counts, and the ways in which it can lose its memory. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { expect } from "vitest"
import { LEDGER_VERSION } from "../../src/ledger/protocol.ts"
import { readLocator } from "../../src/core/task/state.ts"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { freshProofs } from "./trees.ts"

/** The object that has the ledger of a task. */
export const ledgerOf = (task: string) => env.LEDGER.getByName(readLocator(task))

/** Calls that the task has counted; undefined where there is no such task. */
export async function callsOf(task: string): Promise<number | undefined> {
  const viewed = await ledgerOf(task).view(LEDGER_VERSION, { seq: 0, digest: "" }, task, null)
  return viewed && !("denied" in viewed) ? viewed.tasks[0]?.calls.used : undefined
}

/** The object is taken down between two requests, as after ten idle seconds. */
export async function evict(task: string): Promise<void> {
  await evictDurableObject(ledgerOf(task))
}

/** What the ledger's table has once the journal has gone round; nothing of the ledger changes. */
export async function rowsKept<Row extends Record<string, SqlStorageValue>>(
  task: string,
  table: string,
): Promise<readonly Row[]> {
  return runInDurableObject(ledgerOf(task), (_ledger, { storage }) => {
    const found: Row[] = []
    const read = (): never => {
      const kept = new LedgerStorage(storage.sql)
      kept.load(Date.now(), freshProofs)
      kept.journal.fold(Date.now())
      found.push(...storage.sql.exec<Row>(`SELECT * FROM ${table}`))
      throw new Undone()
    }
    expect(() => storage.transactionSync(read)).toThrow(Undone)
    return found
  })
}

class Undone extends Error {}
