/**
 * The inboxes of approvers: one Durable Object for each person, for each group of an issuer, and for all operators. It
 * lists the tasks and the single calls whose ledgers wait for an answer. The ledgers decide: an entry that is here too
 * long, or missing, only makes a request harder to find.
 */
import { keepVersion } from "../platform/storage/version.ts"
import { StoredObject } from "../platform/storage/stored-object.ts"
import { sha256Hex } from "../core/encoding/hash.ts"
import type { InboxOf } from "../core/task/approval.ts"
import type { HistoryKey } from "../core/guardrails/history-key.ts"

/**
 * Tasks whose consent may be requested of a person at once, in all and by one agent. More are rejected, because nobody
 * would read any of them.
 */
const MOST = 100
const MOST_OF_ONE = 10
/**
 * The same for single calls, which are answered one after the other, while agents work. There are more of them because
 * one inbox may serve many approvers.
 */
const MOST_CALLS = 500
const MOST_CALLS_OF_ONE = 50

export function inboxOf(env: Env, inbox: InboxOf): DurableObjectStub<Inbox> {
  return env.INBOX.getByName(sha256Hex(nameOf(inbox)))
}

/** An issuer is a URL, which begins no JSON. */
function nameOf(inbox: InboxOf): string {
  if (inbox === "operators") return JSON.stringify([inbox])
  return "user" in inbox ? inbox.user : JSON.stringify([inbox.issuer, inbox.group])
}

const SCHEMA = `
CREATE TABLE IF NOT EXISTS requests (task TEXT PRIMARY KEY, agent TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calls (id TEXT PRIMARY KEY, task TEXT NOT NULL, agent TEXT NOT NULL,
  until INTEGER NOT NULL) WITHOUT ROWID;
`
const TABLES = ["requests", "calls"] as const

interface RequestRow extends Record<string, SqlStorageValue> {
  readonly task: string
}

/** The approval request of a single call. */
export interface InboxCall extends Record<string, SqlStorageValue> {
  readonly id: string
  readonly task: string
  /** Its number among those of its agent here, the latest being 1. */
  readonly nth: number
}

export class Inbox extends StoredObject {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env, "Inbox")
    ctx.storage.sql.exec(SCHEMA)
  }

  /** @returns false if there is no room */
  async put(task: string, agent: HistoryKey, until: number): Promise<boolean> {
    if (!this.#isRoom("requests", agent, MOST, MOST_OF_ONE)) return false
    this.ctx.storage.sql.exec("INSERT OR REPLACE INTO requests VALUES (?, ?, ?)", task, agent, until)
    await this.#wakeBy(until)
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

  /** @returns false if there is no room */
  async putCall(id: string, task: string, agent: HistoryKey, until: number): Promise<boolean> {
    if (!this.#isRoom("calls", agent, MOST_CALLS, MOST_CALLS_OF_ONE)) return false
    this.ctx.storage.sql.exec("INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?)", id, task, agent, until)
    await this.#wakeBy(until)
    return true
  }

  removeCalls(ids: readonly string[]): void {
    for (const id of ids) this.ctx.storage.sql.exec("DELETE FROM calls WHERE id = ?", id)
  }

  /** The latest first. */
  listCalls(): readonly InboxCall[] {
    const { sql } = this.ctx.storage
    const nth = "ROW_NUMBER() OVER (PARTITION BY agent ORDER BY id DESC) AS nth"
    return sql
      .exec<InboxCall>(`SELECT id, task, ${nth} FROM calls WHERE until > ? ORDER BY id DESC`, Date.now())
      .toArray()
  }

  #isRoom(table: (typeof TABLES)[number], agent: HistoryKey, most: number, mostOfOne: number): boolean {
    const { sql } = this.ctx.storage
    this.#dropOld()
    const { all, own } = sql
      .exec<{ all: number; own: number }>(`SELECT COUNT(*) AS "all", TOTAL(agent = ?) AS own FROM ${table}`, agent)
      .one()
    return all < most && own < mostOfOne
  }

  #dropOld(): void {
    for (const table of TABLES) this.ctx.storage.sql.exec(`DELETE FROM ${table} WHERE until <= ?`, Date.now())
  }

  async #wakeBy(until: number): Promise<void> {
    const next = await this.ctx.storage.getAlarm()
    if (next === null || until < next) await this.ctx.storage.setAlarm(until)
  }

  protected override async onAlarm(): Promise<void> {
    const { sql } = this.ctx.storage
    this.#dropOld()
    const { next } = sql
      .exec<{ next: number | null }>(
        "SELECT MIN(until) AS next FROM (SELECT until FROM requests UNION ALL SELECT until FROM calls)",
      )
      .one()
    if (next === null) {
      // Nothing stays stored for an inbox that is empty; this very object may still receive requests.
      await this.ctx.storage.deleteAll()
      sql.exec(SCHEMA)
      keepVersion("Inbox", this.ctx.storage)
    } else await this.ctx.storage.setAlarm(next)
  }
}
