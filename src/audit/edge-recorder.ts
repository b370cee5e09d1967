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

/** What waits for one log, and how much is on its way there, which counts as waiting. */
class Queue {
  readonly #most: number
  #waiting: DecisionRecord[] = []
  #sending: { readonly since: number; readonly count: number } | null = null

  constructor(most: number) {
    this.#most = most
  }

  /** @returns false if there is no room */
  add(record: DecisionRecord): boolean {
    if (this.#waiting.length + (this.#sending?.count ?? 0) >= this.#most) return false
    this.#waiting.push(record)
    return true
  }

  /** All that waits, and what comes meanwhile; nothing while another request sends. */
  async sendTo(logFor: (records: readonly DecisionRecord[]) => Taker): Promise<void> {
    while (this.#waiting.length > 0 && !this.#isSending(Date.now())) {
      const records = this.#waiting
      this.#waiting = []
      const mine = { since: Date.now(), count: records.length }
      this.#sending = mine
      try {
        await sendTo(logFor(records), records)
      } finally {
        if (this.#sending === mine) this.#sending = null
      }
    }
  }

  #isSending(now: number): boolean {
    return this.#sending !== null && now >= this.#sending.since && now < this.#sending.since + SENDING_ENDS_MS
  }
}
/** A request that is cut off takes its sending along. */
const SENDING_ENDS_MS = 15_000

let known = new Queue(MAX_WAITING)
let looked = new Queue(MAX_WAITING)
let strangers = new Queue(MAX_STRANGERS)
let dropped = 0
const pace = new Pace(250)

/** For tests: a fresh isolate, of which nobody is about to send anything. */
export function forgetEdgeRecords(): void {
  known = new Queue(MAX_WAITING)
  looked = new Queue(MAX_WAITING)
  strangers = new Queue(MAX_STRANGERS)
  dropped = 0
  pace.sent()
}

/** @param background takes work that the answer does not wait for */
export function recordAtEdge(env: Env, record: DecisionRecord, background: (work: Promise<unknown>) => void): void {
  const queue = isStranger(record) ? strangers : isLook(record) ? looked : known
  if (!queue.add(record)) dropped += 1
  if (pace.take(Date.now())) background(send(env))
}

async function send(env: Env): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, pace.every))
  pace.sent()
  const lost = dropped
  dropped = 0
  if (lost > 0) logEvent("records_dropped", { count: lost })
  // Side by side: a log that hangs keeps the others from nothing.
  await Promise.all([
    known.sendTo(([first]) => logShard(env, first?.id ?? "")),
    looked.sendTo(() => looksLog(env)),
    strangers.sendTo(() => strangersLog(env)),
  ])
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
