/**
 * Notices on their way to the receivers. The object in which something happened stores the notice in the same
 * transaction, so that no crash comes between the two. Afterwards it hands the notice to the receivers' objects, again
 * and again until each has it. The current bundle names the receivers.
 */
import { timeOf } from "../core/encoding/ids.ts"
import { logEvent } from "../platform/log.ts"
import { currentBundle } from "../bundles/store.ts"
import { requireOwner } from "../bundles/ownership.ts"
import { bundleSource } from "../bundles/source.ts"
import type { ReceiverDefinition } from "../core/policy/definition/receivers.ts"
import { outboundOf, OUTBOUND_VERSION } from "./outbound-stub.ts"
import type { NoticeDraft, Notice } from "../core/notices/notice.ts"
import { noticeFor } from "../core/notices/recipients.ts"
import { newId } from "../platform/new-id.ts"

const SEND_AFTER_MS = 50
/**
 * The pause after a recent notice; an older one waits for a part of its age, so that an outage causes no flood of
 * requests.
 */
const RETRY_AFTER_MS = 5_000
const RETRY_AFTER_PART = 0.25
const RETRY_AFTER_AT_MOST_MS = 60_000
/** A notice that could not be handed over for so long is outdated, and must not keep a tree from being deleted. */
const GIVE_UP_AFTER_MS = 86_400_000
const BATCH = 50

/** Created with the first notice: most trees have none. */
const SCHEMA = "CREATE TABLE IF NOT EXISTS notices (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID"

interface NoticeRow extends Record<string, SqlStorageValue> {
  readonly id: string
  readonly body: string
}

/** Ids of the receivers that have it from an earlier try: they do not remember it for ever. */
interface StoredNotice extends Notice {
  readonly had?: readonly string[]
}

interface HandOver {
  readonly taken: readonly string[]
  /** Null if every receiver has it. */
  readonly failed: string | null
}

interface Receivers {
  readonly all: readonly ReceiverDefinition[]
  /** Number of the bundle that names them. */
  readonly seq: number
}

export class Notices {
  readonly #ctx: DurableObjectState
  readonly #env: Env
  #sending = false
  /** False if there is no table: each token of a ledger would look for it. */
  #mayHaveTable = true
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx
    this.#env = env
  }

  /**
   * Stores the notice; the caller is inside the transaction in which it happened. Null if there is nothing to notify.
   */
  keep(news: NoticeDraft | null): void {
    if (!news) return
    const { sql } = this.#ctx.storage
    const notice: Notice = { id: newId("evt", news.at), ...news }
    this.#mayHaveTable = true
    sql.exec(SCHEMA)
    sql.exec("INSERT INTO notices VALUES (?, ?)", notice.id, JSON.stringify(notice))
    this.sendSoon()
  }

  /**
   * The alarm is set in case this object is evicted before the timer fires; the object's `alarm` has to call `send`.
   */
  sendSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#ctx.waitUntil(this.send())
    }, SEND_AFTER_MS)
    this.#ctx.waitUntil(this.#tryLater())
  }

  /** Nothing is awaited before it is set: it is as durable as what was written in the same turn. */
  async #tryLater(): Promise<void> {
    const now = Date.now()
    await this.#ctx.storage.setAlarm(now + (this.retryAfter(now) ?? RETRY_AFTER_MS))
  }

  /** Milliseconds from now until what is left is tried again. Null if nothing is left. */
  retryAfter(now: number): number | null {
    const [oldest] = this.#rows("", 1)
    if (!oldest) return null
    const waited = (now - storedAt(oldest)) * RETRY_AFTER_PART
    return Math.min(Math.max(waited, RETRY_AFTER_MS), RETRY_AFTER_AT_MOST_MS)
  }

  hasAny(): boolean {
    return this.#rows("", 1).length > 0
  }

  /**
   * Never throws: what could not be handed over stays, and an alarm tries again. A receiver's object takes a repeated
   * notice once.
   */
  async send(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    try {
      this.#dropOld(Date.now())
      for (let rows = this.#rows("", BATCH); rows.length > 0; rows = this.#rows(rows.at(-1)?.id ?? "", BATCH)) {
        const receivers = await this.#receivers()
        // A notice that cannot be handed over does not keep the others back.
        for (const row of rows) await this.#sendOne(row, receivers)
      }
    } catch (error) {
      logEvent("notices_not_sent", { error: String(error) })
    } finally {
      this.#sending = false
    }
    if (this.hasAny()) await this.#tryLater()
  }

  /** The reason why a notice stays is logged with its id. */
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

  #rewrite(id: string, notice: StoredNotice): void {
    this.#ctx.storage.sql.exec("UPDATE notices SET body = ? WHERE id = ?", JSON.stringify(notice), id)
  }

  #dropOld(now: number): void {
    for (let [row] = this.#rows("", 1); row && now - storedAt(row) >= GIVE_UP_AFTER_MS; [row] = this.#rows("", 1)) {
      logEvent("notice_given_up", { id: row.id })
      this.#forget(row.id)
    }
  }

  #forget(id: string): void {
    this.#ctx.storage.sql.exec("DELETE FROM notices WHERE id = ?", id)
  }

  async #receivers(): Promise<Receivers> {
    const background = (work: Promise<unknown>): void => this.#ctx.waitUntil(work)
    await requireOwner(this.#env, background)
    const bundle = await currentBundle(bundleSource(this.#env), Date.now(), background)
    if (!bundle) throw new Error("no bundle names the receivers")
    return { all: bundle.receivers, seq: bundle.pointer.seq }
  }

  /** Each receiver gets it, or an attempt, whatever happens with the others. */
  async #hand(notice: Notice, { all, seq }: Receivers, had: readonly string[]): Promise<HandOver> {
    const due = all.flatMap((receiver) => {
      const own = had.includes(receiver.id) ? null : noticeFor(receiver, notice)
      return own ? { id: receiver.id, letter: JSON.stringify(own) } : []
    })
    const handed = await Promise.allSettled(
      due.map(async ({ id, letter }) => {
        const taken = await outboundOf(this.#env, id).take(OUTBOUND_VERSION, id, notice.id, letter, seq)
        if (!taken) throw new Error("the receiver's object runs other code")
        return id
      }),
    )
    const taken = handed.flatMap((one) => (one.status === "fulfilled" ? one.value : []))
    const rejected = handed.find((one) => one.status === "rejected")
    return { taken, failed: rejected ? String(rejected.reason) : null }
  }

  /** Rows whose ids come after this one, the oldest first. */
  #rows(after: string, limit: number): readonly NoticeRow[] {
    if (!this.#mayHaveTable) return []
    const { sql } = this.#ctx.storage
    const [table] = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'notices'")
    this.#mayHaveTable = table !== undefined
    return table
      ? sql.exec<NoticeRow>("SELECT id, body FROM notices WHERE id > ? ORDER BY id LIMIT ?", after, limit).toArray()
      : []
  }
}

/** Milliseconds since the epoch. */
const storedAt = ({ id }: NoticeRow): number => timeOf(id) ?? 0
