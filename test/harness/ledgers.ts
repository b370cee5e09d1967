/** A tree's ledger from outside: what it counts, and the ways in which it can lose its memory. */
import { abortAllDurableObjects, evictDurableObject, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { LEDGER_VERSION } from "../../src/ledger/protocol.ts"
import { rootOf } from "../../src/core/task/state.ts"
import { publications } from "../../src/bundles/publications.ts"

const ledgerOf = (task: string) => env.LEDGER.getByName(rootOf(task))

/** Calls that the task has counted; undefined where there is no such task. */
export async function callsOf(task: string): Promise<number | undefined> {
  const viewed = await ledgerOf(task).view(LEDGER_VERSION, { seq: 0, digest: "" }, task, null)
  return viewed && !("denied" in viewed) ? viewed.tasks[0]?.calls.used : undefined
}

/** The object is taken down between two requests, as after ten idle seconds. */
export async function evict(task: string): Promise<void> {
  await evictDurableObject(ledgerOf(task))
}

/**
 * Every object dies where it stands: what was not written is gone, requests under way fail. The object of publications
 * wakes again, as `reset` deletes the storage only of objects that are awake: the next test would find its pointer.
 */
export async function crash(): Promise<void> {
  await abortAllDurableObjects()
  await runInDurableObject(publications(env), () => undefined)
}
