/** Labels in a ledger's storage: those that each tree bears, and those that agents carry from tree to tree. */
import { carry, type Carried, type LabelClearing } from "../core/task/labels.ts"
import type { Opening } from "../core/task/opening-step.ts"
import type { Task } from "../core/task/task.ts"
import type { LedgerState, TreeState } from "../core/task/state.ts"
import type { Journal } from "./journal.ts"
import type { Row, Table } from "./table.ts"

export const CARRIED: Table = {
  name: "carried",
  columns: ["agent", "label", "into_tasks", "at", "carry", "decision"],
  keys: 3,
  until: ["at", "carry"],
}
export const LABELS: Table = { name: "labels", columns: ["root", "label"], keys: 2, until: null }

interface CarriedRow extends Row, Omit<Carried, "into"> {
  readonly into_tasks: Carried["into"]
}

interface LabelRow extends Row {
  readonly root: string
  readonly label: string
}

export class LabelStorage {
  readonly #sql: SqlStorage
  readonly #journal: Journal

  constructor(sql: SqlStorage, journal: Journal) {
    this.#sql = sql
    this.#journal = journal
  }

  /** Loads what still counts: the ledger of a busy person has rows of agents that have not come back since. */
  load(ledger: LedgerState, now: number): void {
    const carried = this.#journal.rows<CarriedRow>(CARRIED).filter(({ at, carry: time }) => at + time > now)
    carry(
      ledger,
      carried.map(({ agent, label, into_tasks: into, at, carry: time, decision }) => {
        return { agent, label, into, at, carry: time, decision }
      }),
      now,
    )
    const ofLive = ["root IN (SELECT root FROM trees WHERE ended = 0)"]
    for (const { root, label } of this.#journal.rows<LabelRow>(LABELS, {}, ofLive))
      ledger.trees.get(root)?.labels.add(label)
  }

  /** What a tree bears. */
  recall({ root, labels }: TreeState): void {
    for (const { label } of this.#journal.rows<LabelRow>(LABELS, { root })) labels.add(label)
  }

  saveBorne({ root }: TreeState, labels: readonly string[]): void {
    for (const label of labels) this.#journal.put(LABELS, [root, label])
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
      this.#journal.put(CARRIED, values)
    }
  }

  clear({ root }: TreeState, { agents, labels }: LabelClearing): void {
    for (const label of labels) {
      this.#journal.clear(LABELS, { root, label })
      for (const agent of agents) this.#journal.clear(CARRIED, { agent, label })
    }
  }

  forgetTree(root: string): void {
    this.#journal.clear(LABELS, { root })
  }

  /** The isolated tasks of this one's agent and key have ended, and what they knew with them. */
  forgetInstance({ agent, jkt }: Task): void {
    this.#journal.clear(CARRIED, { agent, into_tasks: jkt })
  }

  /** Reads the rows of all agents, so no call does it. */
  forgetExpired(now: number): void {
    this.#sql.exec("DELETE FROM carried WHERE at + carry <= ?", now)
  }
}
