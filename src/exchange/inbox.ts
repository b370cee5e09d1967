/**
 * What a person is asked: one Durable Object for each, a list of the tasks whose ledgers wait for their answer. The
 * ledgers decide; what stands here too long or not at all only makes a request harder to find.
 */
import { DurableObject } from "cloudflare:workers"
import { sha256Hex } from "../hash.ts"

/**
 * A person is asked no more than this at once, and by one agent: the rest is refused, or nobody would read any of it.
 */
const MOST = 100
const MOST_OF_ONE = 10

/** @param user issuer and subject, joined by `|` */
export function inboxOf(env: Env, user: string): DurableObjectStub<Inbox> {
  return env.INBOX.getByName(sha256Hex(user))
}

const SCHEMA =
  "CREATE TABLE IF NOT EXISTS requests (task TEXT PRIMARY KEY, agent TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID"

interface RequestRow extends Record<string, SqlStorageValue> {
  readonly task: string
}

export class Inbox extends DurableObject<Env> {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    ctx.storage.sql.exec(SCHEMA)
  }

  /** @returns false where there is no room */
  async put(task: string, agent: string, until: number): Promise<boolean> {
    const { sql } = this.ctx.storage
    sql.exec("DELETE FROM requests WHERE until <= ?", Date.now())
    const { all, own } = sql
      .exec<{ all: number; own: number }>('SELECT COUNT(*) AS "all", TOTAL(agent = ?) AS own FROM requests', agent)
      .one()
    if (all >= MOST || own >= MOST_OF_ONE) return false
    sql.exec("INSERT OR REPLACE INTO requests VALUES (?, ?, ?)", task, agent, until)
    await this.ctx.storage.setAlarm(until)
    return true
  }

  remove(task: string): void {
    this.ctx.storage.sql.exec("DELETE FROM requests WHERE task = ?", task)
  }

  /** Tasks, the latest first. */
  list(): readonly string[] {
    const rows = this.ctx.storage.sql.exec<RequestRow>(
      "SELECT task FROM requests WHERE until > ? ORDER BY task DESC",
      Date.now(),
    )
    return Array.from(rows, ({ task }) => task)
  }

  override async alarm(): Promise<void> {
    const { sql } = this.ctx.storage
    sql.exec("DELETE FROM requests WHERE until <= ?", Date.now())
    const { next } = sql.exec<{ next: number | null }>("SELECT MIN(until) AS next FROM requests").one()
    if (next === null) {
      // Nothing is stored for a person who is not asked; this very object may still be.
      await this.ctx.storage.deleteAll()
      sql.exec(SCHEMA)
    } else await this.ctx.storage.setAlarm(next)
  }
}
