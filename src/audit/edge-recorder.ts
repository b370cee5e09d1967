/**
 * Records of what was decided at the edge, without a ledger: collected in the isolate and sent in batches after the
 * answer. Nothing was admitted by these decisions; a crash can lose those of the last moment.
 */
import { logEvent } from "../log.ts"
import { deliver, type Taker } from "./delivery.ts"
import { Pace } from "./pace.ts"
import { storedForm, type DecisionRecord } from "./record.ts"
import { isLook, isStranger, logShard, looksLog, strangersLog } from "./record-logs.ts"

/** While the log is out of reach, or under a flood of refusals, some are dropped, and the drop is logged. */
const MAX_WAITING = 1_000
/** Of callers whom nobody knows, who can make as many as they like. */
const MAX_STRANGERS = 100

/** Half of what may wait: what is on its way cannot be dropped, and the rest is what agents share. */
const BATCH = 500

/**
 * What waits for one log, and how much is on its way there, which counts as waiting. Agents share the room: if there is
 * none, whichever has the most in it loses its newest record, so that one proven agent cannot make those of the others
 * vanish by making many of its own.
 */
class Queue {
  readonly #most: number
  /** By agent or operator; never an empty list. */
  readonly #waiting = new Map<string, DecisionRecord[]>()
  #count = 0
  #sending: { readonly since: number; readonly count: number } | null = null

  constructor(most: number) {
    this.#most = most
  }

  /** @returns how many are dropped for want of room: this one, or another one */
  add(record: DecisionRecord): number {
    const owner = ownerOf(record)
    const own = this.#waiting.get(owner)?.length ?? 0
    const isFull = this.#count + (this.#sending?.count ?? 0) >= this.#most
    if (isFull && !this.#dropOfFullest(own + 1)) return 1
    if (own > 0) this.#waiting.get(owner)?.push(record)
    else this.#waiting.set(owner, [record])
    this.#count += 1
    return isFull ? 1 : 0
  }

  /** @returns false if nobody has more than that */
  #dropOfFullest(most: number): boolean {
    let fullest: DecisionRecord[] = []
    for (const records of this.#waiting.values()) if (records.length > fullest.length) fullest = records
    if (fullest.length <= most) return false
    fullest.pop()
    this.#count -= 1
    return true
  }

  /** The next batch, of whoever has waited longest. */
  #take(): DecisionRecord[] {
    const batch: DecisionRecord[] = []
    for (const [owner, records] of this.#waiting) {
      batch.push(...records.splice(0, BATCH - batch.length))
      if (records.length > 0) break
      this.#waiting.delete(owner)
    }
    this.#count -= batch.length
    return batch
  }

  /** All that waits, and what comes meanwhile; nothing while another request sends. */
  async sendTo(logFor: (records: readonly DecisionRecord[]) => Taker): Promise<void> {
    while (this.#count > 0 && !this.#isSending(Date.now())) {
      const records = this.#take()
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

/** Strangers are one: none of them has a name that is proven. */
const ownerOf = ({ operator, chain }: DecisionRecord): string => operator ?? chain.at(-1) ?? ""

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
  dropped += queue.add(record)
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
