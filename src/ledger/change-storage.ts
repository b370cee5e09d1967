/**
 * How each member of a change is stored, and when its row has to be durable. A member without an entry does not compile,
 * and what an entry stores is durable before the answer, unless its `due` says what of it may be late.
 */
import { applyUse } from "../core/task/approval.ts"
import type { TaskChange } from "../core/task/change.ts"
import type { TreeState } from "../core/task/state.ts"
import { DUE, sooner, type Due } from "./due.ts"
import { PROGRESS } from "./schema.ts"
import type { LedgerStorage } from "./storage.ts"

interface Stored {
  /** @param readsCalls whether a rule reads the calls of tasks */
  due(change: TaskChange, storage: LedgerStorage, state: TreeState, readsCalls: boolean): Due
  /**
   * @param state as it is before the change
   * @param reserves whether the next lone call may be answered before its row
   */
  save(change: TaskChange, storage: LedgerStorage, state: TreeState, reserves: boolean): void
}

/** The member with each of its values durable before the answer. */
function inTime<Value>(
  valuesOf: (change: TaskChange) => readonly Value[],
  save: (values: readonly Value[], storage: LedgerStorage, state: TreeState, at: number) => void,
): Stored {
  return {
    due: (change) => (valuesOf(change).length > 0 ? DUE.before : DUE.never),
    save: (change, storage, state) => save(valuesOf(change), storage, state, change.at),
  }
}

/** In the order in which they are stored. Null: nothing of the member is stored. */
const MEMBERS: { readonly [Member in keyof TaskChange]-?: Stored | null } = {
  // What was reserved of large windows may be late.
  memoryUpdates: {
    due: ({ memoryUpdates, at }, storage, { ledger }) => storage.memories.due(ledger, memoryUpdates, at),
    save: ({ memoryUpdates, at }, storage, { ledger }, reserves) =>
      storage.memories.save(ledger, memoryUpdates, at, reserves),
  },
  // Calls that neither a grant limits nor a rule reads may be late.
  counted: {
    due({ counted, at }, { calls }, { tasks }, readsCalls) {
      let due: Due = DUE.never
      for (const id of counted) {
        const task = tasks.get(id)
        if (task && calls.mustWrite(task, at))
          due = sooner(due, readsCalls || task.grant.calls !== null ? DUE.before : DUE.late)
      }
      return due
    },
    save({ counted, at }, { calls, journal }, { tasks }) {
      const { isWriting } = journal
      for (const id of counted) {
        const task = tasks.get(id)
        if (task) calls.count(task, at, isWriting)
      }
    },
  },
  approvals: inTime(
    ({ approvals }) => approvals,
    (approvals, storage, state, at) => {
      for (const approval of approvals) storage.saveApproval(state, applyUse(approval), at)
    },
  ),
  plans: inTime(
    ({ plans }) => plans,
    (plans, { journal }) => {
      for (const { task, progress } of plans) journal.put(PROGRESS, [task, JSON.stringify(progress)])
    },
  ),
  labels: inTime(
    ({ labels }) => labels,
    (labels, storage, state) => storage.labels.saveBorne(state, labels),
  ),
  carried: inTime(
    ({ carried }) => carried,
    (carried, storage, _state, at) => storage.labels.saveCarried(carried, at),
  ),
  at: null,
  // The row of `counted` has the time of the last call. If it is lost, an idle task expires sooner.
  busy: null,
  // Retries are known for one life of the object.
  remember: null,
}

const STORED = Object.values(MEMBERS).filter((member) => member !== null)

/** @param state as it is before the change, as in `saveChange` */
export function dueOfChange(change: TaskChange, storage: LedgerStorage, state: TreeState, readsCalls: boolean): Due {
  let due: Due = DUE.never
  for (const member of STORED) due = sooner(due, member.due(change, storage, state, readsCalls))
  return due
}

export function saveChange(change: TaskChange, storage: LedgerStorage, state: TreeState, reserves: boolean): void {
  for (const member of STORED) member.save(change, storage, state, reserves)
}
