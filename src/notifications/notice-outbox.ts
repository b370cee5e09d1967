/**
 * Notices on their way to those who are to be told: kept by the object in which something happened, in the transaction in
 * which it did, so that no crash comes between the two; handed to the receivers' objects behind that, again until each
 * has it. Which receivers there are the bundle of then says.
 */
import { timeOf } from "../core/encoding/ids.ts"
import { logEvent } from "../platform/log.ts"
import { currentBundle } from "../bundles/store.ts"
import { bundleSource } from "../bundles/source.ts"
import type { ReceiverDefinition } from "../core/policy/definition/receivers.ts"
import { outboundOf, OUTBOUND_VERSION } from "./outbound-stub.ts"
import type { NoticeDraft, Notice } from "../core/notices/notice.ts"
import { toldTo } from "../core/notices/recipients.ts"
import { newId } from "../platform/new-id.ts"

const SEND_AFTER_MS = 50
/** Of what has just happened; then a part of how long it has waited, so that an outage is no storm of questions. */
const RETRY_AFTER_MS = 5_000
const RETRY_AFTER_PART = 0.25
const RETRY_AFTER_AT_MOST_MS = 60_000
/** What nobody could take for so long is news no longer, and keeps no tree from being forgotten. */
const GIVE_UP_AFTER_MS = 86_400_000
const BATCH = 50

/** Made with the first notice: most trees have none. */
const SCHEMA = "CREATE TABLE IF NOT EXISTS notices (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID"

interface NoticeRow extends Record<string, SqlStorageValue> {
  readonly id: string
  readonly body: string
}

/** Ids of those that have it already, of an earlier try: they would not know it for ever. */
interface StoredNotice extends Notice {
  readonly had?: readonly string[]
}

interface Handed {
  readonly taken: readonly string[]
  /** Null: nobody is left who has to have it. */
  readonly failed: string | null
}

interface Receivers {
  readonly all: readonly ReceiverDefinition[]
  /** Number of the bundle that says so. */
  readonly seq: number
}

export class Notices {
  readonly #ctx: DurableObjectState
  readonly #env: Env
  #sending = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx
    this.#env = env
  }

  /** To be called inside the transaction in which it happened; null: nothing has that others are told of. */
  keep(news: NoticeDraft | null): void {
    if (!news) return
    const { sql } = this.#ctx.storage
    const notice: Notice = { id: newId("evt", news.at), ...news }
    sql.exec(SCHEMA)
    sql.exec("INSERT INTO notices VALUES (?, ?)", notice.id, JSON.stringify(notice))
    this.sendSoon()
  }

  /** The alarm is there should this object not live until the timer has rung: whose alarm it is has to call `send`. */
  sendSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#ctx.waitUntil(this.send())
    }, SEND_AFTER_MS)
    this.#ctx.waitUntil(this.#tryLater())
  }

  /** Nothing is waited for before it is set: it is as durable as what was written in the same turn. */
  async #tryLater(): Promise<void> {
    const now = Date.now()
    await this.#ctx.storage.setAlarm(now + (this.retryAfter(now) ?? RETRY_AFTER_MS))
  }

  /** Milliseconds from now on, when what is left is tried again; null: nothing is left. */
  retryAfter(now: number): number | null {
    const [oldest] = this.#rows("", 1)
    if (!oldest) return null
    const waited = (now - keptAt(oldest)) * RETRY_AFTER_PART
    return Math.min(Math.max(waited, RETRY_AFTER_MS), RETRY_AFTER_AT_MOST_MS)
  }

  hasAny(): boolean {
    return this.#rows("", 1).length > 0
  }

  /** Never throws: what could not be handed over stays, and an alarm tries again. What comes twice is taken once. */
  async send(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    try {
      this.#giveUpOld(Date.now())
      for (let rows = this.#rows("", BATCH); rows.length > 0; rows = this.#rows(rows.at(-1)?.id ?? "", BATCH)) {
        const receivers = await this.#receivers()
        // One that cannot be handed over keeps no other back.
        for (const row of rows) await this.#sendOne(row, receivers)
      }
    } catch (error) {
      logEvent("notices_not_sent", { error: String(error) })
    } finally {
      this.#sending = false
    }
    if (this.hasAny()) await this.#tryLater()
  }

  /** What stays says for itself why it does. */
  async #sendOne({ id, body }: NoticeRow, receivers: Receivers): Promise<void> {
    try {
      const { had = [], ...notice }: StoredNotice = JSON.parse(body)
      const { taken, failed } = await this.#hand(notice, receivers, had)
      if (failed === null) this.#forget(id)
      else {
        logEvent("notice_not_sent", { id, error: failed })
        if (taken.length > 0) this.#rewrite(id, { ...notice, had: [...had, ...taken] })
      }
    } catch (error) {
      logEvent("notice_not_sent", { id, error: String(error) })
    }
  }

  #rewrite(id: string, kept: StoredNotice): void {
    this.#ctx.storage.sql.exec("UPDATE notices SET body = ? WHERE id = ?", JSON.stringify(kept), id)
  }

  #giveUpOld(now: number): void {
    for (let [row] = this.#rows("", 1); row && now - keptAt(row) >= GIVE_UP_AFTER_MS; [row] = this.#rows("", 1)) {
      logEvent("notice_given_up", { id: row.id })
      this.#forget(row.id)
    }
  }

  #forget(id: string): void {
    this.#ctx.storage.sql.exec("DELETE FROM notices WHERE id = ?", id)
  }

  async #receivers(): Promise<Receivers> {
    const bundle = await currentBundle(bundleSource(this.#env), Date.now(), (work) => this.#ctx.waitUntil(work))
    if (!bundle) throw new Error("no bundle says who is to be told")
    return { all: bundle.receivers, seq: bundle.pointer.seq }
  }

  /** Each gets it, or is asked to, whatever becomes of the others. */
  async #hand(notice: Notice, { all, seq }: Receivers, had: readonly string[]): Promise<Handed> {
    const asked = all.flatMap((receiver) => {
      const told = had.includes(receiver.id) ? null : toldTo(receiver, notice)
      return told ? { id: receiver.id, letter: JSON.stringify(told) } : []
    })
    const handed = await Promise.allSettled(
      asked.map(async ({ id, letter }) => {
        const taken = await outboundOf(this.#env, id).take(OUTBOUND_VERSION, id, notice.id, letter, seq)
        if (!taken) throw new Error("the receiver's object runs other code")
        return id
      }),
    )
    const taken = handed.flatMap((one) => (one.status === "fulfilled" ? one.value : []))
    const rejected = handed.find((one) => one.status === "rejected")
    return { taken, failed: rejected ? String(rejected.reason) : null }
  }

  /** Of those whose ids come after this one, the oldest first. */
  #rows(after: string, limit: number): readonly NoticeRow[] {
    const { sql } = this.#ctx.storage
    const [known] = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'notices'")
    return known
      ? sql.exec<NoticeRow>("SELECT id, body FROM notices WHERE id > ? ORDER BY id LIMIT ?", after, limit).toArray()
      : []
  }
}

/** Milliseconds. */
const keptAt = ({ id }: NoticeRow): number => timeOf(id) ?? 0
