/** The memories of a ledger's guardrails in its SQLite: each under its scope, and read when it is first needed. */
import { Memory } from "../core/guardrails/memory.ts"
import { Memories, scopeOfAgent, USER_SCOPE, type Scope, type ScopedUpdates } from "../core/task/memories.ts"
import { ancestryOf, type LedgerState, type TreeState } from "../core/task/state.ts"
import { MemoryStorage } from "./memory-storage.ts"

/** What is stored matters until then: an expression in milliseconds for each table. */
const UNTIL = {
  blocks: "at + slack + span",
  once: "at + slack + span",
  counters: "until",
  tallies: "last + span",
  marks: "until",
  cells: "until",
  flights: "until",
} as const

export class MemoriesStorage {
  readonly #sql: SqlStorage
  readonly #byScope = new Map<Scope, MemoryStorage>()
  /** Those that were used since they were last settled. */
  readonly #unsettled = new Set<Scope>()

  constructor(sql: SqlStorage) {
    this.#sql = sql
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
    if (!memory) this.#byScope.set(scope, (memory = new MemoryStorage(this.#sql, scope)))
    return memory
  }

  /** @param ledger as it is before the updates are applied, as in `save` */
  mustWrite({ memories }: LedgerState, all: readonly ScopedUpdates[], now: number): boolean {
    return all.some(({ scope, updates }) => this.#of(scope).mustWrite(memories.of(scope), updates, now))
  }

  save({ memories }: LedgerState, all: readonly ScopedUpdates[], now: number): void {
    for (const { scope, updates } of all) {
      this.#of(scope).save(memories.of(scope), updates, now)
      this.#unsettled.add(scope)
    }
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
    const agents = ancestryOf(state, task).map(({ agent }) => scopeOfAgent(agent))
    for (const scope of new Set([state.root, ...agents]))
      this.#of(scope).forgetStorms(state.ledger.memories.of(scope), task)
  }

  /** When the ledger is quiet: what is written becomes the current state. */
  settle({ memories, clock }: LedgerState): void {
    for (const scope of this.#unsettled) this.#of(scope).settle(memories.of(scope), clock)
    this.#unsettled.clear()
  }

  /** No further call will need the memory. */
  forget(scope: Scope): void {
    this.#of(scope).forget()
    this.#byScope.delete(scope)
    this.#unsettled.delete(scope)
  }

  /** Milliseconds since the epoch: nothing that any of them has stored matters after that. */
  lastUntil(): number {
    const last = Object.entries(UNTIL).map(
      ([table, until]) =>
        this.#sql.exec<{ until: number | null }>(`SELECT MAX(${until}) AS until FROM ${table}`).one().until,
    )
    return Math.max(0, ...last.map((until) => until ?? 0))
  }
}
