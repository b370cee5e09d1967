/**
 * The count of one limit that all ledgers share: one Durable Object for each guardrail and value of its key, which
 * lends credit to the trees' ledgers (core/guardrails/lending). What it lends is durable before the response. It
 * requests the settlement of credit that no ledger returns, and deletes itself when nothing in it can matter any more.
 */
import { keepVersion } from "../platform/storage/version.ts"
import { StoredObject } from "../platform/storage/stored-object.ts"
import { Lender } from "../core/guardrails/lending/lender.ts"
import { LENDING_VERSION } from "../core/guardrails/lending/lending.ts"
import type { CountedBefore, CreditHolder, Settled, Take, TakeAnswer } from "../core/guardrails/lending/lending.ts"
import type { Block, SeenValue, Slot, State, Stored, Writes } from "../core/guardrails/lending/rows.ts"
import { sha256Hex } from "../core/encoding/hash.ts"
import { logEvent } from "../platform/log.ts"
import { within } from "../platform/timeout.ts"
import { askStub } from "./ask.ts"

/** Ledgers that one alarm sends requests to; the next alarm, for the others, follows at once. */
const MAX_ASKED = 50
/** The least time between two alarms. */
const REST_MS = 1_000
/** An alarm that is due within this time is not brought forward. */
const SOON_MS = 10_000
/** Of the ledger that has counted before; the one that asks waits little longer. Milliseconds. */
const COUNTED_WITHIN_MS = 1_500
/** The id of the take of what was counted before. */
const COUNTED_BEFORE = "before"

/** @param key the values of the guardrail's `per`, as text, which tell its counts apart */
export function sharedLimitOf(env: Env, guardrail: string, key: string): DurableObjectStub<SharedLimit> {
  return env.SHARED_LIMIT.getByName(sha256Hex(JSON.stringify([guardrail, key])))
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS state (only INTEGER PRIMARY KEY CHECK (only = 1), body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS blocks (id TEXT PRIMARY KEY, holder TEXT NOT NULL, granted INTEGER NOT NULL, at INTEGER NOT NULL,
  used INTEGER NOT NULL, closed_at INTEGER, is_settled INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS slots ("from" INTEGER PRIMARY KEY, "to" INTEGER NOT NULL, count INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS seen (value TEXT PRIMARY KEY, at INTEGER NOT NULL, take TEXT NOT NULL, is_new INTEGER NOT NULL)
  WITHOUT ROWID;
`

export class SharedLimit extends StoredObject {
  #lender: Lender
  /** False if nothing is stored, not even tables. */
  #isStored: boolean
  /** Milliseconds since the epoch. Null if none is set; undefined if not read since waking. */
  #alarmAt: number | null | undefined

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "SharedLimit", "later")
    const stored = load(ctx.storage.sql)
    this.#isStored = stored !== null
    this.#lender = new Lender(stored)
  }

  /** Throws if the take is invalid or of another version: then nothing is granted. */
  async take(version: number, take: Take): Promise<TakeAnswer> {
    checkVersion(version)
    if (take.before && !this.#isStored) await this.#takeBefore(take, take.before)
    const answer = this.#transact((now) => this.#lender.take(take, now))
    await this.#lookLater()
    return answer
  }

  /** Throws if the ledger that has counted alone does not answer: then nothing is granted. */
  async #takeBefore({ limit }: Take, { ledger: holder, limit: counted, key }: CountedBefore): Promise<void> {
    const ledger: CreditHolder = this.env.LEDGER.get(this.env.LEDGER.idFromString(holder))
    const asking = ledger.countedAlone(LENDING_VERSION, counted, key)
    const demand = await within(asking, COUNTED_WITHIN_MS, "the ledger that has counted alone")
    if (demand === null) throw new Error("the ledger that has counted alone still does")
    // Another take has done so meanwhile.
    if (this.#isStored) return
    const [amount, values] = typeof demand === "number" ? [demand, {}] : [0, { values: demand }]
    const take = { id: COUNTED_BEFORE, holder, limit, amount, want: amount, over: true, settled: [], ...values }
    this.#transact((now) => this.#lender.take(take, now))
  }

  /** What a ledger has used of its blocks. A settlement that is sent twice counts once. */
  async settle(version: number, holder: string, settled: Settled[]): Promise<void> {
    checkVersion(version)
    this.#transact((now) => this.#lender.settle(holder, settled, now))
    await this.#lookLater()
  }

  /** Requests settlement from holders that have not settled for a while, and forgets what has expired. */
  protected override async onAlarm(): Promise<void> {
    this.#alarmAt = null
    const overdue = this.#lender.overdue(Date.now(), MAX_ASKED)
    await Promise.all(Array.from(overdue, async ([holder, ids]) => this.#ask(holder, ids)))
    if (this.#lender.isForgettable(Date.now())) await this.#forget()
    else {
      this.#transact(() => null, true)
      await this.#lookLater()
    }
  }

  /** If a ledger is unavailable, the request is repeated later; until then its credit counts. */
  async #ask(holder: string, ids: string[]): Promise<void> {
    const answer = await askStub(
      () => this.env.LEDGER.get(this.env.LEDGER.idFromString(holder)),
      async (ledger: CreditHolder) => ledger.creditUsed(LENDING_VERSION, ids),
    )
    if (!answer) return
    const used = new Map(Object.entries(answer))
    const settled = ids.map((id) => ({ id, used: used.has(id) ? used.get(id) : 0 })).filter(isDone)
    try {
      this.#transact((now) => this.#lender.settle(holder, settled, now))
    } catch (error) {
      logEvent("credit_not_settled", { holder, error: String(error) })
    }
  }

  /** Storage and memory never differ: if the work fails, memory is rebuilt from storage. */
  #transact<Result>(work: (now: number) => Result, all = false): Result {
    try {
      const result = work(Date.now())
      const writes = this.#lender.drain(all)
      if (hasAny(writes)) this.ctx.storage.transactionSync(() => this.#save(writes))
      return result
    } catch (error) {
      const stored = load(this.ctx.storage.sql)
      this.#isStored = stored !== null
      this.#lender = new Lender(stored)
      throw error
    }
  }

  #save({ state, blocks, slots, values }: Writes): void {
    const { sql } = this.ctx.storage
    if (!this.#isStored) {
      sql.exec(SCHEMA)
      keepVersion("SharedLimit", this.ctx.storage)
    }
    this.#isStored = true
    if (state) sql.exec("INSERT OR REPLACE INTO state VALUES (1, ?)", JSON.stringify(state))
    for (const [id, block] of blocks) {
      if (!block) sql.exec("DELETE FROM blocks WHERE id = ?", id)
      else {
        const { holder, granted, at, used, closedAt, isSettled } = block
        const row = [id, holder, granted, at, used, closedAt, Number(isSettled)]
        sql.exec("INSERT OR REPLACE INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)", ...row)
      }
    }
    for (const [from, slot] of slots) {
      if (slot) sql.exec("INSERT OR REPLACE INTO slots VALUES (?, ?, ?)", from, slot.to, slot.count)
      else sql.exec('DELETE FROM slots WHERE "from" = ?', from)
    }
    for (const [value, seen] of values) {
      if (!seen) sql.exec("DELETE FROM seen WHERE value = ?", value)
      else sql.exec("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", value, seen.at, seen.take, Number(seen.isNew))
    }
  }

  /** Whenever something is stored, the alarm is set before any response is sent. */
  async #lookLater(): Promise<void> {
    if (!this.#isStored) return
    if (this.#alarmAt === undefined) this.#alarmAt = await this.ctx.storage.getAlarm()
    const now = Date.now()
    if (this.#alarmAt !== null && this.#alarmAt <= now + SOON_MS) return
    const until = this.#lender.untilCheck(now)
    if (until === null) return
    const at = now + Math.max(until, REST_MS)
    if (this.#alarmAt !== null && this.#alarmAt <= at) return
    this.#alarmAt = at
    await this.ctx.storage.setAlarm(at)
  }

  async #forget(): Promise<void> {
    const deleted = this.ctx.storage.deleteAll()
    this.#isStored = false
    this.#lender = new Lender(null)
    await deleted
  }
}

function checkVersion(version: number): void {
  if (version !== LENDING_VERSION) throw new Error(`A shared limit of version ${LENDING_VERSION} was asked by another.`)
}

function isDone(answer: { readonly id: string; readonly used: number | null | undefined }): answer is Settled {
  return typeof answer.used === "number"
}

function hasAny({ state, blocks, slots, values }: Writes): boolean {
  return state !== null || blocks.size > 0 || slots.size > 0 || values.size > 0
}

interface BlockRow extends Record<string, SqlStorageValue> {
  readonly id: string
  readonly holder: string
  readonly granted: number
  readonly at: number
  readonly used: number
  readonly closed_at: number | null
  readonly is_settled: number
}

/** Null if nothing is stored. */
function load(sql: SqlStorage): Stored | null {
  const tables = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'state'").toArray()
  if (tables.length === 0) return null
  const [row] = sql.exec<{ body: string }>("SELECT body FROM state")
  if (!row) return null
  const state: State = JSON.parse(row.body)
  const blocks = sql.exec<BlockRow>("SELECT * FROM blocks").toArray().map(blockOf)
  const slots = sql.exec<Record<keyof Slot, number>>("SELECT * FROM slots").toArray()
  const seen = sql.exec<{ value: string; at: number; take: string; is_new: number }>("SELECT * FROM seen").toArray()
  const values = seen.map(({ value, at, take, is_new }): SeenValue => ({ value, at, take, isNew: is_new === 1 }))
  return { state, blocks, slots, values }
}

function blockOf({ id, holder, granted, at, used, closed_at, is_settled }: BlockRow): Block {
  return { id, holder, granted, at, used, closedAt: closed_at, isSettled: is_settled === 1 }
}
