/**
 * The counts and sums of conditions, in the SQLite of a ledger's object: an entry of a meter is a row. So each call
 * writes one row, however many there are.
 */
import type { Memory } from "../core/guardrails/memory.ts"
import { SlidingMeter } from "../core/guardrails/meter/sliding.ts"
import { tallyPrecision, type TallyUpdate } from "../core/guardrails/memory-update.ts"
import type { Journal } from "./journal.ts"
import { Sweep } from "./sweep.ts"
import type { Row, Table } from "./table.ts"

export const TALLY_SCHEMA = `
CREATE TABLE tallies (scope TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  amount INTEGER NOT NULL, span INTEGER NOT NULL, PRIMARY KEY (scope, owner, key, first)) WITHOUT ROWID;
`
export const TALLIES: Table = {
  name: "tallies",
  columns: ["scope", "owner", "key", "first", "last", "amount", "span"],
  keys: 4,
  until: ["last", "span"],
}

interface TallyRow extends Row {
  readonly owner: string
  readonly key: string
  readonly first: number
  readonly last: number
  readonly amount: number
  readonly span: number
}

export class TallyStorage {
  readonly #journal: Journal
  readonly #scope: string
  readonly #sweep: Sweep<TallyRow>

  constructor(sql: SqlStorage, journal: Journal, scope: string) {
    this.#journal = journal
    this.#scope = scope
    this.#sweep = new Sweep(sql, journal, scope, TALLIES, () => undefined)
  }

  load(memory: Memory, wokenAt: number): void {
    const rows = this.#journal.rows<TallyRow>(TALLIES, { scope: this.#scope })
    const live = rows.filter(({ last, span }) => last + span > wokenAt)
    for (const { owner, key, first, last, amount } of live.toSorted((a, b) => a.last - b.last || a.first - b.first)) {
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
    this.#journal.put(TALLIES, values)
    const surplus = memory.tallies.surplus(owner, key)
    if (surplus !== undefined) this.#journal.clear(TALLIES, { scope: this.#scope, owner, key: surplus })
    this.#sweep.wrote(now)
  }

  forget(): void {
    this.#journal.clear(TALLIES, { scope: this.#scope })
  }
}
