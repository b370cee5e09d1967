/** A ledger from outside: what it counts, and the ways in which it can lose its memory. */
import { evictDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { LEDGER_VERSION } from "../../src/ledger/protocol.ts"
import { ledgerIdOf } from "../../src/core/task/state.ts"

/** The object that has the ledger of a task. */
export const ledgerOf = (task: string) => env.LEDGER.get(env.LEDGER.idFromString(ledgerIdOf(task)))

/** Calls that the task has counted; undefined where there is no such task. */
export async function callsOf(task: string): Promise<number | undefined> {
  const viewed = await ledgerOf(task).view(LEDGER_VERSION, { seq: 0, digest: "" }, task, null)
  return viewed && !("denied" in viewed) ? viewed.tasks[0]?.calls.used : undefined
}

/** The object is taken down between two requests, as after ten idle seconds. */
export async function evict(task: string): Promise<void> {
  await evictDurableObject(ledgerOf(task))
}
