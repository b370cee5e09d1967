/** The memories of a ledger's guardrails in its SQLite: each under its scope, and read when it is first needed. */
import { Memory } from "../core/guardrails/memory.ts"
import { Memories, scopeOfAgent, USER_SCOPE, type Scope, type ScopedUpdates } from "../core/task/memories.ts"
import { ancestryOf, type LedgerState, type TreeState } from "../core/task/state.ts"
import { BLOCKS, ONCE } from "./amount-rows.ts"
import { CELLS } from "./cells.ts"
import { COUNTERS } from "./counter-storage.ts"
import { DUE, sooner, type Due } from "./due.ts"
import type { Journal } from "./journal.ts"
import { MARKS } from "./mark-storage.ts"
import { FLIGHTS, MemoryStorage } from "./memory-storage.ts"
import { untilIn, type Table } from "./table.ts"
import { TALLIES } from "./tally-storage.ts"

export const MEMORY_TABLES: readonly Table[] = [BLOCKS, ONCE, COUNTERS, TALLIES, MARKS, CELLS, FLIGHTS]

export class MemoriesStorage {
  readonly #sql: SqlStorage
  readonly #journal: Journal
  readonly #byScope = new Map<Scope, MemoryStorage>()

  constructor(sql: SqlStorage, journal: Journal) {
    this.#sql = sql
    this.#journal = journal
  }

  /** @param wokenAt milliseconds: no earlier life of the object can have counted anything later */
  load(wokenAt: number): Memories {
    return new Memories((scope, credits) => {
      const memory = new Memory(wokenAt, credits)
      this.#of(scope).load(memory, wokenAt)
      return memory
    })
  }

  #of(scope: Scope): MemoryStorage {
    let memory = this.#byScope.get(scope)
    if (!memory) this.#byScope.set(scope, (memory = new MemoryStorage(this.#sql, this.#journal, scope)))
    return memory
  }

  /** @param ledger as it is before the updates are applied, as in `save` */
  due({ memories }: LedgerState, all: readonly ScopedUpdates[], now: number): Due {
    let due: Due = DUE.never
    for (const { scope, updates } of all) due = sooner(due, this.#of(scope).due(memories.of(scope), updates, now))
    return due
  }

  save({ memories }: LedgerState, all: readonly ScopedUpdates[], now: number, reserves = false): void {
    for (const { scope, updates } of all) this.#of(scope).save(memories.of(scope), updates, now, reserves)
  }

  /**
   * A call has ended.
   * @returns whether this gateway had allowed it to the task, and it was still in flight
   */
  land({ root, ledger }: TreeState, decision: string, gateway: string, task: string): boolean {
    // A call can be in flight for its tree and for its user.
    const landed = [root, USER_SCOPE].map((scope) =>
      this.#of(scope).land(ledger.memories.of(scope), decision, gateway, task),
    )
    return landed.includes(true)
  }

  /** An operator has released the task: denials before do not count against it, nor against any agent of its chain. */
  forgetStorms(state: TreeState, task: string): void {
    const agents = ancestryOf(state, task).map(({ historyKey }) => scopeOfAgent(historyKey))
    for (const scope of new Set([state.root, ...agents]))
      this.#of(scope).forgetStorms(state.ledger.memories.of(scope), task)
  }

  /** No further call will need the memory. */
  forget(scope: Scope): void {
    this.#of(scope).forget()
    for (const table of MEMORY_TABLES) this.#journal.unwatch(table, scope)
    this.#byScope.delete(scope)
  }

  /** Milliseconds since the epoch: nothing that any of them has stored in its tables matters after that. */
  lastUntil(): number {
    const last = MEMORY_TABLES.map(
      (table) =>
        this.#sql.exec<{ until: number | null }>(`SELECT MAX(${untilIn(table)}) AS until FROM ${table.name}`).one()
          .until,
    )
    return Math.max(0, ...last.map((until) => until ?? 0))
  }
}
