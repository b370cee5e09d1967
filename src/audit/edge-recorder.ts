/**
 * Records of what was decided at the edge, without a ledger: collected in the isolate and sent in batches after the
 * answer. Nothing was admitted by these decisions; a crash can lose those of the last moment.
 */
import type { DecisionRecord } from "./record.ts"
import { logShard } from "./record-log.ts"
import { logEvent } from "../log.ts"

const SEND_AFTER_MS = 250
/** While the log is out of reach, or under a flood of refusals, the oldest are dropped. */
const MAX_WAITING = 2_000

let waiting: DecisionRecord[] = []
/** When the next batch is due; long past where its request was cut off before it could send. */
let dueAt = 0

/** @param background takes work that the answer does not wait for */
export function recordAtEdge(env: Env, record: DecisionRecord, background: (work: Promise<unknown>) => void): void {
  waiting.push(record)
  if (waiting.length > MAX_WAITING) waiting.shift()
  const now = Date.now()
  if (now < dueAt + SEND_AFTER_MS) return
  dueAt = now + SEND_AFTER_MS
  background(send(env))
}

async function send(env: Env): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SEND_AFTER_MS))
  dueAt = 0
  const batch = waiting
  waiting = []
  const [first] = batch
  if (!first) return
  try {
    await logShard(env, first.id).append(batch.map((record) => ({ id: record.id, body: JSON.stringify(record) })))
  } catch (error) {
    logEvent("records_lost", { count: batch.length, error: String(error) })
  }
}
