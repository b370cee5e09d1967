/** How often each task has called, in the ledger's storage: written in blocks (core/task/counter-block.ts). */
import { blockSize, longestBlock, Pace } from "../core/task/counter-block.ts"
import type { Task } from "../core/task/task.ts"
import type { Journal } from "./journal.ts"
import type { Table } from "./table.ts"

/** The calls of a task that are written, and when the last of them was: part of the task's row. */
export const USED: Table = {
  name: "used",
  columns: ["id", "calls", "last_call"],
  keys: 1,
  until: null,
  update: "UPDATE tasks SET calls = ?2, last_call = ?3 WHERE id = ?1",
}

/** Calls that are written, and how fast more come. */
interface Written {
  calls: number
  readonly pace: Pace
}

export class CallCounts {
  readonly #journal: Journal
  readonly #written = new Map<string, Written>()

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** The calls of a task, and when the last of them was; by its row, unless that is behind. */
  load(id: string, calls: number, lastCall: number): Pick<Task, "calls" | "lastCall"> {
    const [, used = calls, at = lastCall] = this.#journal.pendingRow(USED, id) ?? []
    this.begin(id, Number(used))
    return { calls: Number(used), lastCall: Number(at) }
  }

  begin(id: string, calls: number): void {
    this.#written.set(id, { calls, pace: new Pace() })
  }

  /** Whether `count` will write. */
  mustWrite({ id, calls }: Task, now: number): boolean {
    const written = this.#written.get(id)
    return !written || calls >= written.calls || written.pace.isSlow(now)
  }

  /**
   * A call more, before memory counts it.
   * @param isWriting the step writes a row anyway: a new block costs nothing
   */
  count(task: Task, now: number, isWriting: boolean): void {
    const { id, calls, grant } = task
    const mustWrite = this.mustWrite(task, now)
    const { pace } = this.#written.get(id) ?? { pace: new Pace() }
    pace.use(1, now)
    if (!mustWrite && !isWriting) return
    const reserved = calls + blockSize(longestBlock(grant.calls, calls), pace, now)
    // A last call that is not written in time only makes an idle task expire sooner.
    this.#journal.put(USED, [id, reserved, now])
    this.#written.set(id, { calls: reserved, pace })
  }

  forget(id: string): void {
    this.#written.delete(id)
  }
}
