/**
 * The last time of each value, in the SQLite of a ledger's object: a row for each value. A row is rewritten only once its
 * time has moved by more than may be lost.
 */
import type { Memory } from "../core/guardrails/memory.ts"
import { surplusCells, type MarkUpdate } from "../core/guardrails/memory-update.ts"
import { Sweep, type Swept } from "./sweep.ts"

/** After `until` the row does not matter. */
export const MARK_SCHEMA = `
CREATE TABLE marks (scope TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL,
  sequence INTEGER NOT NULL, slack INTEGER NOT NULL, until INTEGER, PRIMARY KEY (scope, owner, key, value)) WITHOUT ROWID;
`
const ONE = "scope = ? AND owner = ? AND key = ? AND value = ?"
const MARKS: Swept = { table: "marks", columns: ["owner", "key", "value"], isOver: "until <= ?" }

interface MarkRow extends Record<string, SqlStorageValue> {
  readonly owner: string
  readonly key: string
  readonly value: string
  readonly at: number
  readonly sequence: number
  readonly slack: number
}

/** What is stored of a time that moves on, and what of it is not stored yet. */
interface StoredMarks {
  readonly owner: string
  readonly key: string
  readonly value: string
  readonly at: number
  readonly slack: number
  readonly spanMs: number | null
}

export class MarkStorage {
  readonly #sql: SqlStorage
  readonly #scope: string
  readonly #written = new Map<string, StoredMarks>()
  readonly #sweep: Sweep<MarkRow>

  constructor(sql: SqlStorage, scope: string) {
    this.#sql = sql
    this.#scope = scope
    this.#sweep = new Sweep<MarkRow>(sql, scope, MARKS, (row) => this.#written.delete(valueOf(row)))
  }

  load(memory: Memory, wokenAt: number): void {
    const rows = this.#sql.exec<MarkRow>(
      "SELECT * FROM marks WHERE scope = ? AND (until IS NULL OR until > ?) ORDER BY at + slack, sequence",
      this.#scope,
      wokenAt,
    )
    for (const { owner, key, value, at, sequence, slack } of rows) {
      const marks = memory.marksOf(owner, key)
      marks.set(value, { at: Math.min(at + slack, Math.max(at, wokenAt)), sequence })
      memory.marks.set(owner, key, marks)
      memory.sequence = Math.max(memory.sequence, sequence)
    }
  }

  mustWrite(memory: Memory, note: MarkUpdate, now: number): boolean {
    return note.values.some((value) => this.#mustMark(memory, note, value, now))
  }

  #mustMark(memory: Memory, { owner, key, spanMs, slackMs }: MarkUpdate, value: string, now: number): boolean {
    const mark = memory.marks.find(owner, key)?.get(value)
    const written = this.#written.get(valueOf({ owner, key, value }))
    // A settled row has no slack left. Without slack, the order of two calls within one millisecond counts.
    if (mark === undefined || written === undefined || written.spanMs !== spanMs) return true
    return now - written.at >= slackMs
  }

  /** @param memory as it is before the update is applied */
  save(memory: Memory, note: MarkUpdate, sequence: number, now: number): void {
    const { owner, key, spanMs, slackMs, late } = note
    const slack = late ? Math.ceil(slackMs) : 0
    const until = spanMs === null ? null : now + spanMs + slack
    for (const value of note.values) {
      if (!this.#mustMark(memory, note, value, now)) continue
      const values = [this.#scope, owner, key, value, now, sequence, slack, until]
      this.#sql.exec("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", ...values)
      this.#written.set(valueOf({ owner, key, value }), { owner, key, value, at: now, slack, spanMs })
      this.#sweep.wrote(now)
    }
    // Values that memory drops when these are added.
    for (const surplus of surplusCells(memory, note)) {
      for (const value of memory.marks.find(owner, surplus)?.values() ?? [])
        this.#written.delete(valueOf({ owner, key: surplus, value }))
      this.#sql.exec("DELETE FROM marks WHERE scope = ? AND owner = ? AND key = ?", this.#scope, owner, surplus)
    }
    for (const value of memory.marks.find(owner, key)?.surplus(note.values, note.most) ?? []) {
      this.#written.delete(valueOf({ owner, key, value }))
      this.#sql.exec(`DELETE FROM marks WHERE ${ONE}`, this.#scope, owner, key, value)
    }
  }

  /** What is written becomes the current state. */
  settle(memory: Memory, now: number): void {
    for (const { owner, key, value, at: written, slack, spanMs } of this.#written.values()) {
      const mark = memory.marks.find(owner, key)?.get(value)
      const where = [this.#scope, owner, key, value]
      if (!mark) this.#sql.exec(`DELETE FROM marks WHERE ${ONE}`, ...where)
      else if (mark.at !== written || slack > 0) {
        const set = [mark.at, mark.sequence, spanMs === null ? null : mark.at + spanMs]
        this.#sql.exec(`UPDATE marks SET at = ?, sequence = ?, slack = 0, until = ? WHERE ${ONE}`, ...set, ...where)
      }
    }
    this.#written.clear()
    this.#sql.exec(`DELETE FROM marks WHERE scope = ? AND ${MARKS.isOver}`, this.#scope, now)
  }

  forget(): void {
    this.#sql.exec("DELETE FROM marks WHERE scope = ?", this.#scope)
    this.#written.clear()
  }
}

function valueOf({ owner, key, value }: Pick<MarkRow, "owner" | "key" | "value">): string {
  return JSON.stringify([owner, key, value])
}
