/** The end of a task and all below it, or their freezing, which no call is the reason of: kept, told and recorded as one. */
import type { DecisionRecord } from "../core/record/record.ts"
import { taskEnded } from "../core/notices/notice.ts"
import type { TaskEnd } from "../core/task/change.ts"
import type { TreeState } from "../core/task/state.ts"
import { endedBy } from "../core/task/transition.ts"
import type { Tree } from "./tree.ts"

/**
 * Once this has returned, no call of theirs is admitted.
 * @param operator who others are told has done it: issuer and subject, joined by `|`
 * @param record of this, kept with it
 * @returns ids of the tasks that it changed
 */
export function endTold(
  tree: Tree,
  state: TreeState,
  end: TaskEnd,
  operator: string | null,
  record: DecisionRecord,
): readonly string[] {
  const ids = endedBy(state, end)
  const cause = { decision: record.id, operator, denial: null }
  const now = tree.now(state)
  tree.transaction(true, () => {
    tree.storage.saveEnd(ids, end)
    tree.notices.keep(taskEnded(state, ids, end, cause, now))
    tree.outbox.keep(tree.withNumber(record))
  })
  tree.end(state, ids, end)
  return ids
}
