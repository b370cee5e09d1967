/**
 * The last time of each value, in the SQLite of a ledger's object: a row for each value. A row is rewritten only once its
 * time has moved by more than may be lost.
 */
import type { Memory } from "../core/guardrails/memory.ts"
import { surplusCells, type MarkUpdate } from "../core/guardrails/memory-update.ts"
import type { Journal } from "./journal.ts"
import { Sweep } from "./sweep.ts"
import type { Row, Table } from "./table.ts"

/** After `until` the row does not matter. */
export const MARK_SCHEMA = `
CREATE TABLE marks (scope TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL,
  sequence INTEGER NOT NULL, slack INTEGER NOT NULL, until INTEGER, PRIMARY KEY (scope, owner, key, value)) WITHOUT ROWID;
`
export const MARKS: Table = {
  name: "marks",
  columns: ["scope", "owner", "key", "value", "at", "sequence", "slack", "until"],
  keys: 4,
  until: ["until"],
}

interface MarkRow extends Row {
  readonly owner: string
  readonly key: string
  readonly value: string
  readonly at: number
  readonly sequence: number
  readonly slack: number
  readonly until: number | null
}

/** What is stored of a time that moves on. */
interface StoredMark {
  readonly at: number
  /** Milliseconds: until then it may have occurred again. */
  readonly slack: number
  readonly spanMs: number | null
}

export class MarkStorage {
  readonly #journal: Journal
  readonly #scope: string
  readonly #written = new Map<string, StoredMark>()
  readonly #sweep: Sweep<MarkRow>

  constructor(sql: SqlStorage, journal: Journal, scope: string) {
    this.#journal = journal
    this.#scope = scope
    this.#sweep = new Sweep<MarkRow>(sql, journal, scope, MARKS, (row) => this.#written.delete(valueOf(row)))
  }

  load(memory: Memory, wokenAt: number): void {
    const rows = this.#journal.rows<MarkRow>(MARKS, { scope: this.#scope })
    const live = rows.filter(({ until }) => until === null || until > wokenAt)
    const byTime = live.toSorted((a, b) => a.at + a.slack - b.at - b.slack || a.sequence - b.sequence)
    for (const { owner, key, value, at, sequence, slack } of byTime) {
      const marks = memory.marksOf(owner, key)
      marks.set(value, { at: Math.min(at + slack, Math.max(at, wokenAt)), sequence })
      memory.marks.set(owner, key, marks)
      memory.sequence = Math.max(memory.sequence, sequence)
    }
  }

  /** @param isSlow every time is stored exactly */
  mustWrite(memory: Memory, note: MarkUpdate, now: number, isSlow: boolean): boolean {
    return isSlow || note.values.some((value) => this.#mustMark(memory, note, value, now))
  }

  #mustMark(memory: Memory, note: MarkUpdate, value: string, now: number): boolean {
    const { owner, key, spanMs, slackMs, late } = note
    const mark = memory.marks.find(owner, key)?.get(value)
    const written = this.#written.get(valueOf({ owner, key, value }))
    // Without slack, the order of two calls within one millisecond counts.
    if (mark === undefined || written === undefined || written.spanMs !== spanMs) return true
    return now - written.at >= (late ? written.slack : slackMs)
  }

  /** @param memory as it is before the update is applied */
  save(memory: Memory, note: MarkUpdate, sequence: number, now: number, isSlow: boolean): void {
    const { owner, key, spanMs, slackMs, late } = note
    const slack = late && !isSlow ? Math.ceil(slackMs) : 0
    const until = spanMs === null ? null : now + spanMs + slack
    for (const value of note.values) {
      if (!isSlow && !this.#mustMark(memory, note, value, now)) continue
      const values = [this.#scope, owner, key, value, now, sequence, slack, until]
      this.#journal.put(MARKS, values)
      this.#written.set(valueOf({ owner, key, value }), { at: now, slack, spanMs })
      this.#sweep.wrote(now)
    }
    // Values that memory drops when these are added.
    for (const surplus of surplusCells(memory, note)) {
      for (const value of memory.marks.find(owner, surplus)?.values() ?? [])
        this.#written.delete(valueOf({ owner, key: surplus, value }))
      this.#journal.clear(MARKS, { scope: this.#scope, owner, key: surplus })
    }
    for (const value of memory.marks.find(owner, key)?.surplus(note.values, note.most) ?? []) {
      this.#written.delete(valueOf({ owner, key, value }))
      this.#journal.remove(MARKS, this.#scope, owner, key, value)
    }
  }

  forget(): void {
    this.#journal.clear(MARKS, { scope: this.#scope })
    this.#written.clear()
  }
}

function valueOf({ owner, key, value }: Pick<MarkRow, "owner" | "key" | "value">): string {
  return JSON.stringify([owner, key, value])
}
