/**
 * Records of what was decided at the edge, without a ledger: collected in the isolate and sent in batches after the
 * answer. Nothing was admitted by these decisions; a crash can lose those of the last moment.
 */
import { logEvent } from "../log.ts"
import { deliver, type Taker } from "./delivery.ts"
import { Pace } from "./pace.ts"
import { storedForm, type DecisionRecord } from "./record.ts"
import { isLook, isStranger, logShard, looksLog, strangersLog } from "./record-logs.ts"

/** While the log is out of reach, or under a flood of refusals, the newest are dropped, and the drop is logged. */
const MAX_WAITING = 1_000
/** Of callers whom nobody knows, who can make as many as they like. */
const MAX_STRANGERS = 100

let waiting: DecisionRecord[] = []
let looked: DecisionRecord[] = []
let strangers: DecisionRecord[] = []
let dropped = 0
const pace = new Pace(250)

/** For tests: a fresh isolate, of which nobody is about to send anything. */
export function forgetEdgeRecords(): void {
  waiting = []
  looked = []
  strangers = []
  dropped = 0
  pace.sent()
}

/** @param background takes work that the answer does not wait for */
export function recordAtEdge(env: Env, record: DecisionRecord, background: (work: Promise<unknown>) => void): void {
  const [list, limit] = isStranger(record)
    ? [strangers, MAX_STRANGERS]
    : [isLook(record) ? looked : waiting, MAX_WAITING]
  if (list.length < limit) list.push(record)
  else dropped += 1
  if (pace.take(Date.now())) background(send(env))
}

async function send(env: Env): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, pace.every))
  pace.sent()
  const [known, looks, unknown, lost] = [waiting, looked, strangers, dropped]
  waiting = []
  looked = []
  strangers = []
  dropped = 0
  if (lost > 0) logEvent("records_dropped", { count: lost })
  const [first] = known
  if (first) await sendTo(logShard(env, first.id), known)
  if (looks.length > 0) await sendTo(looksLog(env), looks)
  if (unknown.length > 0) await sendTo(strangersLog(env), unknown)
}

/** Once: what the log does not take is lost. */
async function sendTo(log: Taker, records: readonly DecisionRecord[]): Promise<void> {
  let count = records.length
  try {
    await deliver(log, records.map(storedForm), (settled) => (count -= settled.length))
  } catch (error) {
    logEvent("records_lost", { count, error: String(error) })
  }
}
