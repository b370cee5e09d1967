/**
 * The deliveries to one receiver, as its object stores them: those that wait, are dead, or were delivered, and the
 * receiver's recent responses. Bounded: if it is full, the oldest of the most frequent kind is dropped.
 */
import { logEvent } from "../platform/log.ts"
import type { Notice } from "../core/notices/notice.ts"
import type { Reason, Deliveries } from "./deliveries.ts"
import { GIVE_UP_AFTER_MS, LONGEST_PAUSE_MS, LONGEST_RETRY_AFTER_MS, pauseOf } from "./retry.ts"
import type { Next } from "./retry.ts"

const MOST_WAITING = 1_000
const MOST_DEAD = 1_000
export const KEEP_DEAD_MS = 604_800_000
/** The id of a delivered notice is remembered for as long as a ledger may hand it over again. */
const REMEMBER_MS = 86_400_000
const MOST_REMEMBERED = 10_000
/** Dead deliveries that are listed, the latest first. */
const MOST_SHOWN = 50

export interface DeliveryRow extends Record<string, SqlStorageValue> {
  readonly id: string
  readonly body: string
  readonly about: string
  readonly since: number
  readonly tries: number
  /** Number of the bundle by which it was handed over. */
  readonly seq: number
}

interface DeadRow extends Record<string, SqlStorageValue> {
  readonly id: string
  readonly type: string
  readonly reason: Reason
  readonly tries: number
  readonly died_at: number
}

export interface Self extends Record<string, SqlStorageValue> {
  readonly receiver: string
  /** Hash of the URL that has answered 410. */
  readonly gone: string | null
  /** Milliseconds since the epoch. */
  readonly hold_until: number
  readonly in_a_row: number
  readonly succeeded_at: number | null
  readonly failed_at: number | null
  readonly failure: Reason | null
  readonly status: number | null
}

/** `about`: the type of the event, and its agent. The most frequent one makes room for the others. */
const SCHEMA = `
CREATE TABLE IF NOT EXISTS waiting (id TEXT PRIMARY KEY, body TEXT NOT NULL, about TEXT NOT NULL,
  since INTEGER NOT NULL, tries INTEGER NOT NULL, next_at INTEGER NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting_by_next ON waiting (next_at);
CREATE INDEX IF NOT EXISTS waiting_by_about ON waiting (about);
CREATE TABLE IF NOT EXISTS dead (id TEXT PRIMARY KEY, body TEXT NOT NULL, about TEXT NOT NULL, reason TEXT NOT NULL,
  tries INTEGER NOT NULL, died_at INTEGER NOT NULL, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS dead_by_time ON dead (died_at);
CREATE INDEX IF NOT EXISTS dead_by_about ON dead (about);
CREATE TABLE IF NOT EXISTS delivered (id TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS delivered_by_time ON delivered (at);
CREATE TABLE IF NOT EXISTS self (only INTEGER PRIMARY KEY CHECK (only = 1), receiver TEXT NOT NULL, gone TEXT,
  hold_until INTEGER NOT NULL DEFAULT 0, in_a_row INTEGER NOT NULL DEFAULT 0, succeeded_at INTEGER,
  failed_at INTEGER, failure TEXT, status INTEGER);
`

export class Queue {
  readonly #storage: DurableObjectStorage

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    storage.sql.exec(SCHEMA)
  }

  /**
   * A notice that it has, or had before, is not taken again.
   * @param letter JSON of a Notice
   * @param seq number of the bundle that names this receiver
   */
  take(receiver: string, id: string, letter: string, seq: number, now: number): void {
    const { sql } = this.#storage
    this.#storage.transactionSync(() => {
      sql.exec("INSERT OR IGNORE INTO self (only, receiver) VALUES (1, ?)", receiver)
      const [earlier] = sql.exec(
        "SELECT id FROM delivered WHERE id = ?1 UNION ALL SELECT id FROM dead WHERE id = ?1",
        id,
      )
      if (earlier) return
      const about = aboutOf(JSON.parse(letter))
      sql.exec("INSERT OR IGNORE INTO waiting VALUES (?, ?, ?, ?, 0, ?, ?)", id, letter, about, now, now, seq)
      for (const each of this.#over("waiting", MOST_WAITING)) {
        const [full] = sql.exec<DeliveryRow>("SELECT * FROM waiting WHERE id = ?", each)
        if (full) this.markDead([full], "queue_full", now)
      }
    })
  }

  /**
   * Dead deliveries wait again, as if they had never been tried.
   * @param id null: all of them
   * @returns how many
   */
  retry(id: string | null, now: number): number {
    const { sql } = this.#storage
    return this.#storage.transactionSync(() => {
      const room = MOST_WAITING - sql.exec<{ count: number }>("SELECT count(*) AS count FROM waiting").one().count
      const chosen = sql
        .exec<{ id: string }>("SELECT id FROM dead WHERE ?1 IS NULL OR id = ?1 ORDER BY id DESC LIMIT ?2", id, room)
        .toArray()
      for (const each of chosen) {
        sql.exec(
          "INSERT OR IGNORE INTO waiting SELECT id, body, about, ?1, 0, ?1, seq FROM dead WHERE id = ?2",
          now,
          each.id,
        )
        sql.exec("DELETE FROM dead WHERE id = ?", each.id)
      }
      if (chosen.length > 0) sql.exec("UPDATE self SET gone = NULL, hold_until = 0, in_a_row = 0")
      return chosen.length
    })
  }

  list(now: number): Deliveries {
    const { sql } = this.#storage
    this.prune(now)
    const self = this.self()
    const waiting = sql
      .exec<{ count: number; next: number | null }>("SELECT count(*) AS count, min(next_at) AS next FROM waiting")
      .one()
    const { count: dead } = sql.exec<{ count: number }>("SELECT count(*) AS count FROM dead").one()
    const dead_letters = sql
      .exec<DeadRow>(
        "SELECT id, body ->> 'type' AS type, reason, tries, died_at FROM dead ORDER BY id DESC LIMIT ?",
        MOST_SHOWN,
      )
      .toArray()
    return {
      waiting: waiting.count,
      dead,
      next_at: waiting.next === null ? null : Math.max(waiting.next, self?.hold_until ?? 0),
      succeeded_at: self?.succeeded_at ?? null,
      last_failure:
        self && self.failed_at !== null
          ? { at: self.failed_at, reason: self.failure ?? "failed", status: self.status }
          : null,
      gone: self !== null && self.gone !== null,
      dead_letters,
    }
  }

  /** The first deliveries that are due now. */
  due(now: number, most: number): readonly DeliveryRow[] {
    return this.#storage.sql
      .exec<DeliveryRow>("SELECT * FROM waiting WHERE next_at <= ? ORDER BY next_at, id LIMIT ?", now, most)
      .toArray()
  }

  postpone(letters: readonly DeliveryRow[], until: number): void {
    for (const { id } of letters) this.#storage.sql.exec("UPDATE waiting SET next_at = ? WHERE id = ?", until, id)
  }

  /**
   * Before they are sent: a try in which this object dies counts too; otherwise a delivery that kills it would do so
   * for ever.
   */
  countTry(letters: readonly DeliveryRow[], now: number): void {
    for (const { id, tries } of letters)
      this.#storage.sql.exec(
        "UPDATE waiting SET tries = ?, next_at = ? WHERE id = ?",
        tries + 1,
        now + pauseOf(tries + 1, Math.random()),
        id,
      )
  }

  /**
   * Records the result of a try.
   * @param address hash of the URL it went to
   */
  note(letter: DeliveryRow, next: Next, inARow: number, status: number | null, address: string, now: number): void {
    const { sql } = this.#storage
    this.#storage.transactionSync(() => {
      if (next.kind === "done") {
        sql.exec("DELETE FROM waiting WHERE id = ?", letter.id)
        // It was being sent when the queue dropped it.
        sql.exec("DELETE FROM dead WHERE id = ?", letter.id)
        sql.exec("INSERT OR REPLACE INTO delivered VALUES (?, ?)", letter.id, now)
        sql.exec("UPDATE self SET succeeded_at = ?, in_a_row = 0", now)
        return
      }
      this.failed(next.failure, status, now)
      if (next.kind === "dead") {
        if (next.failure === "gone") sql.exec("UPDATE self SET gone = ?", address)
        this.markDead([{ ...letter, tries: letter.tries + 1 }], next.failure, now)
        return
      }
      sql.exec("UPDATE waiting SET next_at = ? WHERE id = ?", next.at, letter.id)
      if (next.holdUntil === null) return
      sql.exec("UPDATE self SET hold_until = max(hold_until, ?), in_a_row = ?", next.holdUntil, inARow)
    })
  }

  failed(reason: Reason, status: number | null, now: number): void {
    this.#storage.sql.exec("UPDATE self SET failed_at = ?, failure = ?, status = ?", now, reason, status)
  }

  /** Gives them up, for this reason. */
  markDead(letters: readonly DeliveryRow[], reason: Reason, now: number): void {
    const { sql } = this.#storage
    for (const { id, body, about, tries, seq } of letters) {
      sql.exec("INSERT OR REPLACE INTO dead VALUES (?, ?, ?, ?, ?, ?, ?)", id, body, about, reason, tries, now, seq)
      sql.exec("DELETE FROM waiting WHERE id = ?", id)
      logEvent("delivery_given_up", { id, receiver: this.self()?.receiver ?? "", reason })
    }
    for (const id of this.#over("dead", MOST_DEAD)) sql.exec("DELETE FROM dead WHERE id = ?", id)
  }

  /** Ids of those beyond the bound: the oldest of the most frequent kind, so that a flood displaces only its own. */
  #over(table: "waiting" | "dead", most: number): readonly string[] {
    const { sql } = this.#storage
    const over = sql.exec<{ count: number }>(`SELECT count(*) AS count FROM ${table}`).one().count - most
    if (over <= 0) return []
    const placed = `SELECT id, row_number() OVER (PARTITION BY about ORDER BY id DESC) AS place FROM ${table}`
    const found = sql.exec<{ id: string }>(`SELECT id FROM (${placed}) ORDER BY place DESC, id LIMIT ?`, over)
    return Array.from(found, ({ id }) => id)
  }

  /**
   * Deliveries that are too old are given up; dead ones, and ids of delivered ones, stay for their time and up to their
   * number.
   */
  prune(now: number): void {
    const { sql } = this.#storage
    // No pause is longer: a clock that was ahead has written such a time.
    sql.exec("UPDATE waiting SET next_at = ?1 WHERE next_at > ?1", now + LONGEST_PAUSE_MS)
    sql.exec("UPDATE self SET hold_until = ?1 WHERE hold_until > ?1", now + LONGEST_RETRY_AFTER_MS)
    const late = sql.exec<DeliveryRow>("SELECT * FROM waiting WHERE since <= ? AND tries > 0", now - GIVE_UP_AFTER_MS)
    this.markDead(late.toArray(), "expired", now)
    sql.exec("DELETE FROM dead WHERE died_at <= ?", now - KEEP_DEAD_MS)
    sql.exec("DELETE FROM delivered WHERE at <= ?", now - REMEMBER_MS)
    sql.exec(
      "DELETE FROM delivered WHERE id <= (SELECT id FROM delivered ORDER BY id DESC LIMIT 1 OFFSET ?)",
      MOST_REMEMBERED,
    )
  }

  /** Null if nothing has been handed over yet. */
  self(): Self | null {
    return this.#storage.sql.exec<Self>("SELECT * FROM self").toArray()[0] ?? null
  }

  /** Milliseconds since the epoch, when the next thing is due. Null if there is nothing. */
  nextAt(now: number): number | null {
    const { waiting, dead, delivered } = this.#storage.sql
      .exec<{ waiting: number | null; dead: number | null; delivered: number | null }>(
        `SELECT (SELECT min(next_at) FROM waiting) AS waiting, (SELECT min(died_at) FROM dead) AS dead,
           (SELECT min(at) FROM delivered) AS delivered`,
      )
      .one()
    const times = [
      waiting === null ? null : Math.max(waiting, this.self()?.hold_until ?? 0),
      dead === null ? null : dead + KEEP_DEAD_MS,
      delivered === null ? null : delivered + REMEMBER_MS,
    ].filter((at) => at !== null)
    const latest = waiting === null ? Number.POSITIVE_INFINITY : now + LONGEST_PAUSE_MS
    return times.length > 0 ? Math.min(latest, ...times) : null
  }
}

/** The type, and the agent that caused it: an agent can cause many of one type, of its own. */
function aboutOf({ type, data }: Notice): string {
  return data.kind === "switch" ? type : `${type} ${data.agent}`
}
