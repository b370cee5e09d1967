/** Labels in a ledger's storage: those that each tree bears, and those that agents carry from tree to tree. */
import { carry, type Carried, type LabelClearing } from "../core/task/labels.ts"
import type { Opening } from "../core/task/opening-step.ts"
import type { Task } from "../core/task/task.ts"
import type { LedgerState, TreeState } from "../core/task/state.ts"

interface CarriedRow extends Record<string, SqlStorageValue>, Carried {}

const CARRIED = `SELECT agent, label, into_tasks AS "into", at, carry, decision FROM carried WHERE at + carry > ?`

export class LabelStorage {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** Loads what still counts: the ledger of a busy person has rows of agents that have not come back since. */
  load(ledger: LedgerState, now: number): void {
    carry(ledger, this.#sql.exec<CarriedRow>(CARRIED, now).toArray(), now)
    for (const { root, label } of this.#sql.exec<{ root: string; label: string }>("SELECT * FROM labels"))
      ledger.trees.get(root)?.labels.add(label)
  }

  saveBorne({ root }: TreeState, labels: readonly string[]): void {
    for (const label of labels) this.#sql.exec("INSERT OR IGNORE INTO labels VALUES (?, ?)", root, label)
  }

  saveOpening({ task, carried, isFresh }: Opening, now: number): void {
    if (task && isFresh) this.forgetInstance(task)
    this.saveCarried(carried, now)
  }

  /** With each pick-up of an agent its expired rows are deleted, so that it has no more of them than there are labels. */
  saveCarried(carried: readonly Carried[], now: number): void {
    for (const agent of new Set(carried.map((each) => each.agent)))
      this.#sql.exec("DELETE FROM carried WHERE agent = ? AND at + carry <= ?", agent, now)
    for (const { agent, label, into, at, carry: time, decision } of carried) {
      const values = [agent, label, into, at, time, decision]
      this.#sql.exec("INSERT OR REPLACE INTO carried VALUES (?, ?, ?, ?, ?, ?)", ...values)
    }
  }

  clear({ root }: TreeState, { agents, labels }: LabelClearing): void {
    for (const label of labels) {
      this.#sql.exec("DELETE FROM labels WHERE root = ? AND label = ?", root, label)
      for (const agent of agents) this.#sql.exec("DELETE FROM carried WHERE agent = ? AND label = ?", agent, label)
    }
  }

  /** The isolated tasks of this one's agent and key have ended, and what they knew with them. */
  forgetInstance({ agent, jkt }: Task): void {
    this.#sql.exec("DELETE FROM carried WHERE agent = ? AND into_tasks = ?", agent, jkt)
  }

  /** Reads the rows of all agents, so no call does it. */
  forgetExpired(now: number): void {
    this.#sql.exec("DELETE FROM carried WHERE at + carry <= ?", now)
  }
}
