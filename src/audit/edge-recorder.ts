/**
 * Records of decisions at the edge, without a ledger: collected in the isolate and sent in batches after the response.
 * These decisions admitted nothing; a crash can lose those of the last moment.
 */
import { historyKeyOf } from "../core/guardrails/history-key.ts"
import { ledgerOfTask } from "../platform/task-id.ts"
import { within } from "../platform/timeout.ts"
import { readLocator } from "../core/task/state.ts"
import { logEvent } from "../platform/log.ts"
import { deliver, type RecordSink } from "./delivery.ts"
import { Pace } from "./pace.ts"
import { withoutIdentity, storedForm, type DecisionRecord } from "../core/record/record.ts"
import { isManagementRead, isUnidentified, logShard, managementReadsLog, unidentifiedLog } from "./record-logs.ts"

/** If the log is unavailable, or denials flood in, some are dropped, and the drop is logged. */
const MAX_WAITING = 1_000
/** Of unidentified callers, who can cause any number of them. */
const MAX_UNIDENTIFIED = 100
/** Of those, with one token that opens nothing: its holder must not use up the room of the others. */
const MAX_OF_DEAD_TOKEN = 20

/** Half of what may wait: what is being sent cannot be dropped, and agents share the rest. */
const BATCH = 500

/** The bearer token from which a record has its agent: only the ledger of its task knows whether it is live. */
export interface BearerToken {
  readonly jti: string
  readonly task: string
  readonly agent: string
}

/** A record that names an agent only if its token is live. */
interface Unconfirmed {
  readonly record: DecisionRecord
  readonly token: BearerToken
}

/**
 * What waits for one destination, and the number being sent there, which counts as waiting. Owners share the room. If
 * it is full, the owner with the most records loses its newest, so that one identified agent cannot displace the
 * records of others by causing many of its own.
 */
class Queue<Item> {
  readonly #most: number
  readonly #ownerOf: (item: Item) => string
  readonly #mostOf: (owner: string) => number
  /** By owner; never an empty list. */
  readonly #waiting = new Map<string, Item[]>()
  #count = 0
  #sending: { readonly since: number; readonly count: number } | null = null

  constructor(most: number, ownerOf: (item: Item) => string, mostOf: (owner: string) => number = () => most) {
    this.#most = most
    this.#ownerOf = ownerOf
    this.#mostOf = mostOf
  }

  /** @returns how many are dropped for lack of room: this one, or another one */
  add(record: Item): number {
    const owner = this.#ownerOf(record)
    const own = this.#waiting.get(owner)?.length ?? 0
    if (own >= this.#mostOf(owner)) return 1
    const isFull = this.#count + (this.#sending?.count ?? 0) >= this.#most
    if (isFull && !this.#dropOfFullest(own + 1)) return 1
    if (own > 0) this.#waiting.get(owner)?.push(record)
    else this.#waiting.set(owner, [record])
    this.#count += 1
    return isFull ? 1 : 0
  }

  /** @returns false if no owner has more than that */
  #dropOfFullest(most: number): boolean {
    let fullest: Item[] = []
    for (const records of this.#waiting.values()) if (records.length > fullest.length) fullest = records
    if (fullest.length <= most) return false
    fullest.pop()
    this.#count -= 1
    return true
  }

  /** The next batch, from the owner that has waited longest. */
  #take(): Item[] {
    const batch: Item[] = []
    for (const [owner, records] of this.#waiting) {
      batch.push(...records.splice(0, BATCH - batch.length))
      if (records.length > 0) break
      this.#waiting.delete(owner)
    }
    this.#count -= batch.length
    return batch
  }

  clear(): void {
    this.#waiting.clear()
    this.#count = 0
  }

  /** Sends everything that waits, and what comes meanwhile; nothing while another request sends. */
  async sendBy(send: (items: readonly Item[]) => Promise<void>): Promise<void> {
    while (this.#count > 0 && !this.#isSending(Date.now())) {
      const records = this.#take()
      const mine = { since: Date.now(), count: records.length }
      this.#sending = mine
      try {
        await send(records)
      } finally {
        if (this.#sending === mine) this.#sending = null
      }
    }
  }

  #isSending(now: number): boolean {
    return this.#sending !== null && now >= this.#sending.since && now < this.#sending.since + SENDING_ENDS_MS
  }
}

const ownerOf = ({ operator, chain }: DecisionRecord): string => operator ?? historyKeyOf(chain.at(-1) ?? "")
/**
 * Unidentified callers count as one owner, because none of their names is proven; each token that opens nothing is
 * another.
 */
const tokenOf = ({ token_hash }: DecisionRecord): string => token_hash ?? ""
const mostOfUnidentified = (token: string): number => (token === "" ? MAX_UNIDENTIFIED : MAX_OF_DEAD_TOKEN)

/** A request that is cut off takes its sending along. */
const SENDING_ENDS_MS = 15_000

const newQueues = () => ({
  identified: new Queue(MAX_WAITING, ownerOf),
  managementReads: new Queue(MAX_WAITING, ownerOf),
  unidentified: new Queue(MAX_UNIDENTIFIED, tokenOf, mostOfUnidentified),
  // Not by agent, because for none of these it is certain.
  unconfirmed: new Queue<Unconfirmed>(MAX_WAITING, ({ record }) => tokenOf(record)),
})

type Queues = ReturnType<typeof newQueues>

let queues = newQueues()
let dropped = 0
const pace = new Pace(250)

/** For tests: the state of a fresh isolate, in which no sending is due. */
export function forgetEdgeRecords(): void {
  for (const queue of Object.values(queues)) queue.clear()
  queues = newQueues()
  dropped = 0
  pace.sent()
}

/**
 * @param background takes work that the response does not wait for
 * @param token from which the record has its agent, if its ledger has not checked it yet. That is done before the
 *   record is written, because a token that was revoked, or whose task has ended, identifies nobody
 */
export function recordAtEdge(
  env: Env,
  record: DecisionRecord,
  background: (work: Promise<unknown>) => void,
  token: BearerToken | null = null,
): void {
  if (token) dropped += queues.unconfirmed.add({ record, token })
  else enqueue(record, queues)
  if (pace.take(Date.now())) background(send(env, queues))
}

function enqueue(record: DecisionRecord, { identified, managementReads, unidentified }: Queues): void {
  dropped += (isUnidentified(record) ? unidentified : isManagementRead(record) ? managementReads : identified).add(
    record,
  )
}

async function send(env: Env, all: Queues): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, pace.every))
  pace.sent()
  const lost = dropped
  dropped = 0
  if (lost > 0) logEvent("records_dropped", { count: lost })
  // In parallel, so that a log or ledger that hangs does not keep the others back.
  const confirmed = all.unconfirmed.sendBy(async (items) => confirm(env, items, all))
  await Promise.all([sendQueued(env, all), confirmed.then(async () => sendQueued(env, all))])
}

async function sendQueued(env: Env, { identified, managementReads, unidentified }: Queues): Promise<void> {
  await Promise.all([
    identified.sendBy(async (records) => sendTo(logShard(env, records[0]?.id ?? ""), records)),
    managementReads.sendBy(async (records) => sendTo(managementReadsLog(env), records)),
    unidentified.sendBy(async (records) => sendTo(unidentifiedLog(env), records)),
  ])
}

/** Sends one request to each ledger, for all of its records. A record that is not confirmed names no agent. */
async function confirm(env: Env, items: readonly Unconfirmed[], all: Queues): Promise<void> {
  const byLedger = Map.groupBy(items, ({ token }) => readLocator(token.task))
  const confirmations = Array.from(byLedger.values(), async (ofLedger) => {
    const tokens = new Map(ofLedger.map(({ token }) => [token.jti, token]))
    const until = await liveUntil(env, [...tokens.values()])
    for (const { record, token } of ofLedger) {
      // It may have ended since: by its agent, which would so hide what it tried.
      const wasLive = record.at < (until.get(token.jti) ?? 0)
      enqueue(wasLive ? record : withoutIdentity(record), all)
    }
  })
  await Promise.all(confirmations)
}

/**
 * By `jti`, until when its ledger accepts, or accepted, each token, in milliseconds since the epoch. Empty if the ledger
 * does not answer in time.
 * @param tokens of one ledger
 */
async function liveUntil(env: Env, tokens: readonly BearerToken[]): Promise<ReadonlyMap<string, number>> {
  const task = tokens[0]?.task ?? ""
  try {
    const ledger = ledgerOfTask(env, task)
    if (!ledger) return new Map()
    const until = await within(ledger.liveUntil(tokens), LEDGER_TIMEOUT_MS, "the ledger")
    return new Map(tokens.map(({ jti }, at) => [jti, until[at] ?? 0]))
  } catch (error) {
    logEvent("ledger_failed", { ledger: readLocator(task), error: String(error) })
    return new Map()
  }
}
const LEDGER_TIMEOUT_MS = 5_000

/** Sends once: what the log does not accept is lost. */
async function sendTo(log: RecordSink, records: readonly DecisionRecord[]): Promise<void> {
  let count = records.length
  try {
    await deliver(log, records.map(storedForm), (settled) => (count -= settled.length))
  } catch (error) {
    logEvent("records_lost", { count, error: String(error) })
  }
}
