/** Where a call stands in the plans of its task and its ancestors. */
import type { Tool } from "../catalog/tool.ts"
import type { Denial } from "../denials/denial.ts"
import { advance, expected, isFinished, type Progress } from "../guardrails/plan.ts"
import type { TaskEnd } from "../task/change.ts"
import type { Task } from "../task/task.ts"
import { endOf } from "./check-guardrails.ts"

interface Planned {
  readonly task: Task
  readonly progress: Progress
}

/**
 * Returns where the call stands in the plan of the task and of each ancestor; or a denial by the first plan in which it
 * has no place.
 */
export function checkPlans(
  ancestry: readonly Task[],
  { name: tool }: Tool,
  calling: Task,
): readonly Planned[] | { readonly denial: Denial; readonly end: TaskEnd | null } {
  const planned: Planned[] = []
  for (const task of ancestry) {
    if (!task.plan) continue
    const progress = advance(task.plan, task.progress, tool)
    if (!progress) return leaves(task, task.plan, calling)
    planned.push({ task, progress })
  }
  return planned
}

/** The consequence affects the calling task: an agent that has a part of the work must not be able to end the whole. */
function leaves(
  task: Task,
  plan: NonNullable<Task["plan"]>,
  calling: Task,
): { readonly denial: Denial; readonly end: TaskEnd | null } {
  const { deviation: consequence } = plan
  const denial = { reason: "plan_left", task: task.id, expected: expected(plan, task.progress), consequence } as const
  const status = endOf(consequence)
  return { denial, end: status && { task: calling.id, status, by: "deviation" } }
}

/** Returns the topmost task whose plan this call finishes; its sub-tasks end with it. */
export function finishedBy(planned: readonly Planned[]): TaskEnd | null {
  const finished = planned.findLast(({ task, progress }) => task.plan !== null && isFinished(task.plan, progress))
  return finished ? { task: finished.task.id, status: "completed", by: "plan" } : null
}
