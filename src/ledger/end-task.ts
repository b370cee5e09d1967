/**
 * The end or the quarantine of a task and all tasks below it without a call as its cause: stored, notified and recorded
 * in one step.
 */
import type { DecisionRecord } from "../core/record/record.ts"
import { taskEnded } from "../core/notices/notice.ts"
import type { TaskEnd } from "../core/task/change.ts"
import { userId } from "../core/policy/principals.ts"
import { ancestryOf, type TreeState } from "../core/task/state.ts"
import { endedBy } from "../core/task/transition.ts"
import type { Trees } from "./trees.ts"

/**
 * Once this has returned, no call of theirs is admitted.
 * @param operator named in notifications as the actor: issuer and subject, joined by `|`
 * @param record of this step, stored with it
 * @returns ids of the tasks that it changed
 */
export function endAndRecord(
  trees: Trees,
  state: TreeState,
  end: TaskEnd,
  operator: string | null,
  record: DecisionRecord,
): readonly string[] {
  const tasks = endedBy(state, end)
  const cause = { decision: record.id, operator, denial: null }
  const now = trees.now(state)
  trees.transaction(true, () => {
    trees.storage.trees.saveEnd(tasks, end)
    trees.notices.keep(taskEnded(state, tasks, end, cause, now))
    trees.keepRecord(state, record)
  })
  trees.end(state, tasks, end)
  return tasks
}

/** Only the ledger knows the agents and the user of a task, so it adds them to the record of an operator's action. */
export function doneTo(state: TreeState, task: string, record: DecisionRecord): DecisionRecord {
  const chain = ancestryOf(state, task).map(({ agent }) => agent)
  return { ...record, chain: chain.toReversed(), user: state.user && userId(state.user) }
}
