/**
 * The counts and sums of conditions, in the SQLite of a tree's object: an entry of a meter is a row. So each call
 * writes one row, however many there are.
 */
import type { Memory } from "../core/guardrails/memory.ts"
import { SlidingMeter } from "../core/guardrails/meter/sliding.ts"
import { tallyPrecision, type TallyUpdate } from "../core/guardrails/memory-update.ts"
import { Sweep, type Swept } from "./sweep.ts"

export const TALLY_SCHEMA = `
CREATE TABLE tallies (owner TEXT NOT NULL, key TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  amount INTEGER NOT NULL, span INTEGER NOT NULL, PRIMARY KEY (owner, key, first)) WITHOUT ROWID;
`
const TALLIES: Swept = { table: "tallies", columns: ["owner", "key", "first"], isOver: "last + span <= ?" }

interface TallyRow extends Record<string, SqlStorageValue> {
  readonly owner: string
  readonly key: string
  readonly first: number
  readonly last: number
  readonly amount: number
}

export class TallyStorage {
  readonly #sql: SqlStorage
  readonly #sweep: Sweep<TallyRow>

  constructor(sql: SqlStorage) {
    this.#sql = sql
    this.#sweep = new Sweep(sql, TALLIES, () => undefined)
  }

  /** The latest time that is stored, in milliseconds. */
  latest(): number {
    return this.#sql.exec<{ at: number | null }>("SELECT MAX(last) AS at FROM tallies").one().at ?? 0
  }

  load(memory: Memory, wokenAt: number): void {
    const rows = this.#sql.exec<TallyRow>("SELECT * FROM tallies WHERE last + span > ? ORDER BY last, first", wokenAt)
    for (const { owner, key, first, last, amount } of rows) {
      const tally = memory.tallies.find(owner, key) ?? new SlidingMeter()
      tally.put({ first, last, amount })
      memory.tallies.set(owner, key, tally)
    }
  }

  /** @param memory as it is before the update is applied */
  save(memory: Memory, note: TallyUpdate, now: number): void {
    const { owner, key, amount, spanMs } = note
    const tally = memory.tallies.find(owner, key) ?? new SlidingMeter()
    tally.upTo(spanMs, now)
    const { first, amount: total } = tally.next(amount, now, tallyPrecision(memory, note))
    this.#sql.exec("INSERT OR REPLACE INTO tallies VALUES (?, ?, ?, ?, ?, ?)", owner, key, first, now, total, spanMs)
    const surplus = memory.tallies.surplus(owner, key)
    if (surplus !== undefined) this.#sql.exec("DELETE FROM tallies WHERE owner = ? AND key = ?", owner, surplus)
    this.#sweep.wrote(now)
  }

  /** Deletes what does not matter any more. */
  prune(now: number): void {
    this.#sql.exec(`DELETE FROM tallies WHERE ${TALLIES.isOver}`, now)
  }

  forget(): void {
    this.#sql.exec("DELETE FROM tallies")
  }
}
