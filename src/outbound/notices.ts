/**
 * Notices on their way to those who are to be told: kept by the object in which something happened, in the transaction in
 * which it did, so that no crash comes between the two; handed to the receivers' objects behind that, again until each
 * has it. Which receivers there are the bundle of then says.
 */
import { configOf } from "../config.ts"
import { newId } from "../ids.ts"
import { logEvent } from "../log.ts"
import { currentBundle } from "../policy/store.ts"
import type { ReceiverDefinition } from "../policy/bundle.ts"
import { outboundOf, OUTBOUND_VERSION } from "./door.ts"
import type { News, Notice } from "./notice.ts"
import { toldTo } from "./receiver.ts"

const SEND_AFTER_MS = 50
export const RETRY_AFTER_MS = 5_000
const BATCH = 50

/** Made with the first notice: most trees have none. */
const SCHEMA = "CREATE TABLE IF NOT EXISTS notices (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID"

interface NoticeRow extends Record<string, SqlStorageValue> {
  readonly id: string
  readonly body: string
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
  keep(news: News | null): void {
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
    await this.#ctx.storage.setAlarm(Date.now() + RETRY_AFTER_MS)
  }

  hasAny(): boolean {
    return this.#rows(1).length > 0
  }

  /** Never throws: what could not be handed over stays, and an alarm tries again. What comes twice is taken once. */
  async send(): Promise<void> {
    if (this.#sending) return
    this.#sending = true
    try {
      for (let rows = this.#rows(BATCH); rows.length > 0; rows = this.#rows(BATCH)) {
        const receivers = await this.#receivers()
        for (const { id, body } of rows) {
          await this.#hand(JSON.parse(body), receivers)
          this.#ctx.storage.sql.exec("DELETE FROM notices WHERE id = ?", id)
        }
      }
    } catch (error) {
      logEvent("notices_not_sent", { error: String(error) })
      await this.#tryLater()
    } finally {
      this.#sending = false
    }
  }

  async #receivers(): Promise<readonly ReceiverDefinition[]> {
    const config = configOf(this.#env)
    const bundle = await currentBundle(this.#env.BUNDLES, config, Date.now(), (work) => this.#ctx.waitUntil(work))
    if (!bundle) throw new Error("no bundle says who is to be told")
    return bundle.receivers
  }

  async #hand(notice: Notice, receivers: readonly ReceiverDefinition[]): Promise<void> {
    await Promise.all(
      receivers.map(async (receiver) => {
        const told = toldTo(receiver, notice)
        if (!told) return
        const outbound = outboundOf(this.#env, receiver.id)
        const taken = await outbound.take(OUTBOUND_VERSION, receiver.id, notice.id, JSON.stringify(told))
        if (!taken) throw new Error("the receiver's object runs other code")
      }),
    )
  }

  #rows(limit: number): readonly NoticeRow[] {
    const { sql } = this.#ctx.storage
    const [known] = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'notices'")
    return known ? sql.exec<NoticeRow>("SELECT id, body FROM notices ORDER BY id LIMIT ?", limit).toArray() : []
  }
}
