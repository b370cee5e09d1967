/**
 * Who reads a log in order, how far each is, and what the log drops: records that are older than what queries see and
 * that every sink has; above its bound the oldest, which sinks then lack.
 */
import type { LogStart, SinkState } from "./log-page.ts"
import type { Segments } from "./log-segments.ts"
import { MAX_RECORDS } from "./log-queries.ts"

/** An object has ten gigabytes on the platform, and these records may be there twice. */
export const MAX_LOG_BYTES = 2_000_000_000

/** Segments that are dropped at a time; a seal adds one. */
const DROPPED_AT_ONCE = 4

const SCHEMA = `
CREATE TABLE IF NOT EXISTS sinks (name TEXT PRIMARY KEY, next INTEGER NOT NULL, lost INTEGER NOT NULL) WITHOUT ROWID`

interface SinkRow extends Record<string, SqlStorageValue>, SinkState {}

export class LogSinks {
  readonly #sql: SqlStorage
  readonly #segments: Segments
  #sinks: readonly SinkState[]

  constructor({ sql }: DurableObjectStorage, segments: Segments) {
    this.#sql = sql
    this.#segments = segments
    sql.exec(SCHEMA)
    this.#sinks = this.#read()
  }

  #read(): readonly SinkState[] {
    return this.#sql.exec<SinkRow>("SELECT name, next, lost FROM sinks ORDER BY name").toArray()
  }

  get all(): readonly SinkState[] {
    return this.#sinks
  }

  /** Sinks that have not acknowledged everything. */
  get behind(): readonly SinkState[] {
    return this.#sinks.filter(({ next }) => next < this.#segments.end)
  }

  /**
   * May be repeated: a sink that is there goes on where it was, unless a position is given.
   * @returns where it begins
   */
  subscribe(name: string, from: LogStart): number {
    const { oldest, end } = this.#segments
    const known = this.#sinks.find((sink) => sink.name === name)
    if (known && typeof from !== "number") return known.next
    const next = from === "now" ? end : from === "start" ? oldest : Math.min(Math.max(0, from), end)
    this.#sql.exec("INSERT INTO sinks VALUES (?, ?, 0) ON CONFLICT DO UPDATE SET next = excluded.next", name, next)
    this.#sinks = this.#read()
    return next
  }

  acknowledge(name: string, next: number): void {
    this.#sql.exec(
      "UPDATE sinks SET next = ? WHERE name = ? AND next < ?",
      Math.min(next, this.#segments.end),
      name,
      next,
    )
    this.#sinks = this.#read()
  }

  unsubscribe(name: string): void {
    this.#sql.exec("DELETE FROM sinks WHERE name = ?", name)
    this.#sinks = this.#read()
  }

  /**
   * Drops some of what need not be there any more.
   * @param mostBytes above which records go that sinks lack
   * @param needed the first position whose hashes are still necessary
   */
  trim(mostBytes: number, needed: number): void {
    for (let count = 0; count < DROPPED_AT_ONCE && this.#mayDropOldest(mostBytes, needed); count++) {
      const { oldest } = this.#segments
      this.#segments.dropOldest()
      for (const { name, next } of this.#sinks) {
        const lost = this.#segments.oldest - Math.max(oldest, next)
        if (lost > 0) this.#sql.exec("UPDATE sinks SET lost = lost + ? WHERE name = ?", lost, name)
      }
    }
    this.#sinks = this.#read()
  }

  #mayDropOldest(mostBytes: number, needed: number): boolean {
    const { end, size, oldestEnd } = this.#segments
    if (oldestEnd === null || oldestEnd > needed) return false
    const delivered = Math.min(end - MAX_RECORDS, ...this.#sinks.map(({ next }) => next))
    return oldestEnd <= delivered || size > mostBytes
  }
}
