/**
 * A ledger's decision records on their way to the record log: those that must not be lost in a table, written in the
 * step's own transaction; those of reads in memory, sent within a second (DESIGN §3).
 */
import { batchOf, storedForm, type DecisionRecord, type StoredRecord } from "../audit/record.ts"
import { logShard } from "../audit/record-log.ts"
import { logEvent } from "../log.ts"

export const OUTBOX_SCHEMA = "CREATE TABLE outbox (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;"

const SEND_AFTER_MS = 250
const BATCH = 200
/** Records that wait in memory while their log is out of reach; the oldest are lost first, and their numbers show it. */
const MAX_WAITING = 2_000
export const RETRY_AFTER_MS = 5_000

export class Outbox {
  readonly #ctx: DurableObjectState
  readonly #env: Env
  #waiting: DecisionRecord[] = []
  #sending = false
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx
    this.#env = env
  }

  /** @param durable kept in the table; to be called inside the step's transaction */
  keep(record: DecisionRecord, durable: boolean): void {
    if (durable) {
      this.#ctx.storage.sql.exec("INSERT OR IGNORE INTO outbox VALUES (?, ?)", record.id, storedForm(record).body)
      return
    }
    this.#waiting.push(record)
    if (this.#waiting.length > MAX_WAITING) this.#waiting.shift()
  }

  hasStored(): boolean {
    return this.#stored(1).length > 0
  }

  /** After waking: what the last life of this object could not send. */
  sendLeftOver(): void {
    if (this.hasStored()) this.sendSoon()
  }

  sendSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#ctx.waitUntil(this.send())
    }, SEND_AFTER_MS)
  }

  /** Never throws: what could not be sent stays, and an alarm tries again. A batch that is sent twice is stored once. */
  async send(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    const log = logShard(this.#env, this.#ctx.id.toString())
    try {
      for (;;) {
        // Those that must not be lost go first, and alone: nothing that happens to the others keeps them here.
        const stored = this.#stored(BATCH)
        if (stored.length > 0) {
          await log.append(stored.length, batchOf(stored))
          for (const { id } of stored) this.#ctx.storage.sql.exec("DELETE FROM outbox WHERE id = ?", id)
          continue
        }
        const waiting = new Set(this.#waiting.slice(0, BATCH))
        if (waiting.size === 0) return
        await log.append(waiting.size, batchOf(Array.from(waiting, storedForm)))
        this.#waiting = this.#waiting.filter((record) => !waiting.has(record))
      }
    } catch (error) {
      logEvent("records_not_sent", { error: String(error) })
      await this.#ctx.storage.setAlarm(Date.now() + RETRY_AFTER_MS)
    } finally {
      this.#sending = false
    }
  }

  #stored(limit: number): StoredRecord[] {
    const { sql } = this.#ctx.storage
    return sql.exec<{ id: string; body: string }>("SELECT id, body FROM outbox ORDER BY id LIMIT ?", limit).toArray()
  }
}
