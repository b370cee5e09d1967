/** The record of a task that a denial storm has ended. */
import type { DeniedCall } from "../core/decision/call.ts"
import { codeOf, type Denial } from "../core/denials/denial.ts"
import { userId } from "../core/policy/principals.ts"
import { recordOf, type DecisionRecord } from "../core/record/record.ts"
import type { TreeState } from "../core/task/state.ts"
import { newId } from "../platform/new-id.ts"

/** Why a task has ended: its last denied call is recorded by itself, with a reason of its own. */
export function stormRecord(
  { user }: TreeState,
  chain: readonly string[],
  { task, gateway, environment }: Pick<DeniedCall, "task" | "gateway" | "environment">,
  denial: Denial | null,
  now: number,
): DecisionRecord {
  return recordOf({
    id: newId("dec", now),
    at: now,
    kind: "end",
    code: denial ? codeOf(denial) : "unavailable",
    denial,
    task,
    gateway,
    environment,
    chain,
    user: user && userId(user),
  })
}
