/**
 * A ledger's decision records on their way to the record log. Those that must not be lost are in the journal, written
 * with the step, and so are the first of a life, and those of reads that come alone, if they may wait for others. Those
 * of other reads are in memory, and are sent within a second: a row for each read of a loop would make reads as expensive as writes
 * (docs/reference/facts.md#what-is-durable-when). The memory is the isolate's: the
 * reads of all its trees go as one batch, because a batch for each tree would overload the log.
 */
import { deliver } from "../audit/delivery.ts"
import { storedForm, type DecisionRecord, type StoredRecord } from "../core/record/record.ts"
import { logShard } from "../audit/record-logs.ts"
import { timeOf } from "../core/encoding/ids.ts"
import { settingsOf } from "../platform/config.ts"
import { logEvent } from "../platform/log.ts"
import { SLOTS, type Journal } from "./journal.ts"

const SEND_STORED_AFTER_MS = 250
/** If so many wait, they are sent at once: the journal has room for few more. */
const MANY_STORED = SLOTS / 4
/** At most one batch of reads is sent in this time; a record waits at most twice as long. */
const READS_EVERY_MS = 450
const BATCH = 500
/**
 * Records of reads that wait while their log is unavailable; the newest are lost, and their numbers show it. All trees
 * of an isolate share the room. If it is full, the tree with the most records loses its newest, so that a tree with
 * many calls costs no other its records.
 */
const MAX_READS = 4_000
export const RETRY_AFTER_MS = 5_000

/** This many are sent at once, while they are young, because each garbage collection copies what waits longer … */
const MANY_READS = 200
/** … but not so often that requests to an unavailable log never stop. */
const MANY_READS_EVERY_MS = 50

/** This many are made at once, which costs less than one by one, and still delays no other call noticeably. */
const MADE_TOGETHER = 16
/** A longer record is made by itself, because what waits must stay small. */
const MAX_UNMADE_CHARACTERS = 4_096

interface Read<Stored> {
  /** The id of the object of the tree's ledger. */
  readonly tree: string
  readonly stored: Stored
}

let reads: Read<StoredRecord>[] = []
let unmade: Read<() => StoredRecord>[] = []
/** By tree: the records that wait, and those that are being sent. */
const waitingOf = new Map<string, number>()
let readsSentAt = Number.NEGATIVE_INFINITY
/** Whether the last batch could not be sent: what waits then is also sent by an alarm. */
let readsFailed = false
/** One batch at a time. What is being sent counts as waiting; otherwise a log that hangs would take any number. */
let sendingReads: { readonly since: number; left: readonly Read<StoredRecord>[] } | null = null
/**
 * A ledger that is evicted takes its sending along, and a slow log looks the same. After this time another ledger sends
 * what is left, including the batch that was being sent: a batch that is sent twice is stored once.
 */
const SENDING_ENDS_MS = 60_000

/** For tests: the state of a fresh isolate. */
export function forgetReads(): void {
  reads = []
  unmade = []
  waitingOf.clear()
  readsSentAt = Number.NEGATIVE_INFINITY
  readsFailed = false
  sendingReads = null
}

function countWaiting(all: readonly { readonly tree: string }[], more: 1 | -1): void {
  for (const { tree } of all) {
    const count = (waitingOf.get(tree) ?? 0) + more
    if (count > 0) waitingOf.set(tree, count)
    else waitingOf.delete(tree)
  }
}

/** @returns whether one more record of this tree may wait, if necessary in place of another tree's that has more */
function hasRoom(tree: string): boolean {
  if (reads.length + unmade.length + (sendingReads?.left.length ?? 0) < MAX_READS) return true
  const [fullest, most] = [...waitingOf].reduce((one, other) => (other[1] > one[1] ? other : one), [tree, 0])
  if ((waitingOf.get(tree) ?? 0) + 1 >= most) return false
  for (const waiting of [unmade, reads]) {
    const at = waiting.findLastIndex((each) => each.tree === fullest)
    if (at < 0) continue
    countWaiting(waiting.splice(at, 1), -1)
    return true
  }
  return false
}

export class Outbox {
  readonly #ctx: DurableObjectState
  readonly #env: Env
  readonly #tree: string
  readonly #journal: () => Journal
  readonly #delayMs: number
  /** Milliseconds: an alarm is set for then, or for earlier. Null: none is known. */
  #alarmAt: number | null = null
  #sending = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #urgentTimer: ReturnType<typeof setTimeout> | undefined
  #readsTimer: ReturnType<typeof setTimeout> | undefined

  /** @param journal that of the ledger's storage, which may be made anew */
  constructor(ctx: DurableObjectState, env: Env, journal: () => Journal) {
    this.#ctx = ctx
    this.#journal = journal
    this.#env = env
    this.#tree = ctx.id.toString()
    this.#delayMs = settingsOf(env).recordDelayMs
  }

  /** Whether records of reads may wait for others (`RECORD_DELAY_SECONDS`). */
  get maySendLate(): boolean {
    return this.#delayMs > 0
  }

  /** Stores the record with the step. @param isLate an alarm sends it; "soon": whose row must not hold back the answer */
  keep(record: DecisionRecord, isLate: boolean | "soon" = false): void {
    this.#journal().keep(storedForm(record))
    if (this.#journal().waiting >= MANY_STORED) this.#urgentTimer ??= setTimeout(() => this.#sendNow(), 0)
    else if (isLate === "soon") setTimeout(() => this.#sendBy(Date.now() + this.#delayMs), 0)
    else if (isLate) this.#sendBy(Date.now() + this.#delayMs)
    else this.sendSoon()
  }

  /** By an alarm, unless there is an earlier one. @param at milliseconds */
  #sendBy(at: number): void {
    if (this.#alarmAt !== null && this.#alarmAt <= at) return
    this.#alarmAt = at
    this.#ctx.waitUntil(this.#wakeBy(at))
  }

  async #wakeBy(at: number): Promise<void> {
    const alarm = await this.#ctx.storage.getAlarm()
    if (alarm === null || alarm > at) await this.#ctx.storage.setAlarm(at)
  }

  /**
   * Holds the record in memory; the caller has left the step's transaction. The ledger of another tree may send it, so
   * its life has to be durable (`RecordNumbers.isDurable`).
   * @param record makes it, of what can no longer change
   * @param size about how many characters it is made of
   */
  keepRead(record: () => DecisionRecord, size: number): void {
    const read = { tree: this.#tree, stored: (): StoredRecord => storedForm(record()) }
    if (hasRoom(read.tree)) {
      unmade.push(read)
      countWaiting([read], 1)
    }
    if (unmade.length >= MADE_TOGETHER || size > MAX_UNMADE_CHARACTERS) makeReads()
    const since = Date.now() - readsSentAt
    if (reads.length >= MANY_READS && (since < 0 || since >= MANY_READS_EVERY_MS))
      this.#ctx.waitUntil(this.#sendReads())
    else this.#sendReadsAfter(READS_EVERY_MS)
  }

  /**
   * Every ledger that has added records sends them: one that is evicted takes its own timer along, but not those of
   * others.
   */
  #sendReadsAfter(milliseconds: number): void {
    this.#readsTimer ??= setTimeout(() => {
      this.#readsTimer = undefined
      const since = Date.now() - readsSentAt
      if (since >= 0 && since < READS_EVERY_MS && reads.length + unmade.length > 0)
        this.#sendReadsAfter(READS_EVERY_MS - since)
      else this.#ctx.waitUntil(this.#sendReads())
    }, milliseconds)
  }

  hasStored(): boolean {
    return this.#journal().records(1).length > 0
  }

  /** Whether records wait that an alarm has to send. */
  hasUnsent(): boolean {
    return readsFailed || this.hasStored()
  }

  /**
   * After waking: sends what the last life of this object could not send, and reads that wait in this isolate for a
   * ledger whose timer died with it.
   */
  sendLeftOver(): void {
    const [oldest] = this.#journal().records(1)
    const dueAt = oldest ? (timeOf(oldest.id) ?? 0) + this.#delayMs : Number.POSITIVE_INFINITY
    if (dueAt <= Date.now()) this.sendSoon()
    else if (oldest) this.#sendBy(dueAt)
    if (reads.length + unmade.length > 0) this.#sendReadsAfter(READS_EVERY_MS)
  }

  sendSoon(): void {
    this.#timer ??= setTimeout(() => this.#sendNow(), SEND_STORED_AFTER_MS)
  }

  #sendNow(): void {
    for (const timer of [this.#timer, this.#urgentTimer]) clearTimeout(timer)
    this.#timer = undefined
    this.#urgentTimer = undefined
    this.#ctx.waitUntil(this.send())
  }

  /** On the ledger's alarm: also the reads of the isolate that could not be sent, although no other read may follow. */
  async sendUnsent(): Promise<void> {
    await Promise.all([this.send(), readsFailed && this.#sendReads()])
  }

  /**
   * Never throws: what could not be sent stays, and an alarm tries again. A batch that is sent twice is stored once.
   */
  async send(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    this.#alarmAt = null
    try {
      const waiting = (): readonly StoredRecord[] => this.#journal().records(BATCH)
      for (let stored = waiting(); stored.length > 0; stored = waiting())
        await deliver(this.#log(), stored, (settled) => this.#journal().delivered(settled))
    } catch (error) {
      logEvent("records_not_sent", { error: String(error) })
      await this.#ctx.storage.setAlarm(Date.now() + RETRY_AFTER_MS)
    } finally {
      this.#sending = false
    }
  }

  /** What is not delivered goes back, in front of what came meanwhile. */
  async #sendReads(): Promise<void> {
    makeReads()
    const now = Date.now()
    if (sendingReads && now >= sendingReads.since && now < sendingReads.since + SENDING_ENDS_MS) {
      // Its own may be among those that are being sent, by a ledger that may be evicted meanwhile.
      this.#sendReadsAfter(READS_EVERY_MS)
      return
    }
    readsSentAt = now
    if (sendingReads) reads = [...sendingReads.left, ...reads]
    const mine: NonNullable<typeof sendingReads> = { since: now, left: [] }
    sendingReads = mine
    try {
      // What comes meanwhile goes with the next batch.
      for (let due = reads.length; due > 0 && reads.length > 0;) {
        mine.left = reads.splice(0, Math.min(BATCH, due))
        due -= mine.left.length
        const records = mine.left.map(({ stored }) => stored)
        await deliver(this.#log(), records, (settled) => {
          const gone = new Set(settled)
          if (sendingReads === mine)
            countWaiting(
              mine.left.filter(({ stored }) => gone.has(stored)),
              -1,
            )
          mine.left = mine.left.filter(({ stored }) => !gone.has(stored))
        })
        // Another ledger sends in place of this one, and everything that waits is now that ledger's.
        if (sendingReads !== mine) return
      }
      readsFailed = false
    } catch (error) {
      if (sendingReads === mine) reads = [...mine.left, ...reads]
      readsFailed = true
      logEvent("records_not_sent", { error: String(error) })
      this.#sendBy(Date.now() + RETRY_AFTER_MS)
    } finally {
      if (sendingReads === mine) sendingReads = null
    }
  }

  #log(): ReturnType<typeof logShard> {
    return logShard(this.#env, this.#tree)
  }
}

/** A record that cannot be made is a defect, and must not make the next call fail. */
function makeReads(): void {
  const making = unmade
  unmade = []
  for (const { tree, stored } of making) {
    try {
      reads.push({ tree, stored: stored() })
    } catch (error) {
      countWaiting([{ tree }], -1)
      logEvent("record_not_made", { error: String(error) })
    }
  }
}
