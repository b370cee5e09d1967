/**
 * The counts and sums of conditions, in the SQLite of a ledger's object: an entry of a meter is a row. So each call
 * writes one row, however many there are.
 */
import type { Memory } from "../core/guardrails/memory.ts"
import { SlidingMeter } from "../core/guardrails/meter/sliding.ts"
import { tallyPrecision, type TallyUpdate } from "../core/guardrails/memory-update.ts"
import { Sweep, type Swept } from "./sweep.ts"

export const TALLY_SCHEMA = `
CREATE TABLE tallies (scope TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  amount INTEGER NOT NULL, span INTEGER NOT NULL, PRIMARY KEY (scope, owner, key, first)) WITHOUT ROWID;
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
  readonly #scope: string
  readonly #sweep: Sweep<TallyRow>

  constructor(sql: SqlStorage, scope: string) {
    this.#sql = sql
    this.#scope = scope
    this.#sweep = new Sweep(sql, scope, TALLIES, () => undefined)
  }

  load(memory: Memory, wokenAt: number): void {
    const rows = this.#sql.exec<TallyRow>(
      "SELECT * FROM tallies WHERE scope = ? AND last + span > ? ORDER BY last, first",
      this.#scope,
      wokenAt,
    )
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
    const values = [this.#scope, owner, key, first, now, total, spanMs]
    this.#sql.exec("INSERT OR REPLACE INTO tallies VALUES (?, ?, ?, ?, ?, ?, ?)", ...values)
    const surplus = memory.tallies.surplus(owner, key)
    if (surplus !== undefined) {
      const where = [this.#scope, owner, surplus]
      this.#sql.exec("DELETE FROM tallies WHERE scope = ? AND owner = ? AND key = ?", ...where)
    }
    this.#sweep.wrote(now)
  }

  /** Deletes what does not matter any more. */
  prune(now: number): void {
    this.#sql.exec(`DELETE FROM tallies WHERE scope = ? AND ${TALLIES.isOver}`, this.#scope, now)
  }

  forget(): void {
    this.#sql.exec("DELETE FROM tallies WHERE scope = ?", this.#scope)
  }
}
