/**
 * Isolated tasks: their platform gives each a fresh context, so what one of them has read is not known to the next.
 * An agent's key is one instance of it. What an isolated task has picked up is known to the isolated tasks of the same
 * instance that live at the same time, and to those that live at the same time as these, until none of them is alive:
 * otherwise an agent would read in one task, end it, and send in another that was there all the time. To other isolated
 * tasks it is not known.
 */
import { whyEnded, type LedgerState } from "./state.ts"
import type { Task } from "./task.ts"

/** By agent and key: isolated tasks that have not ended, unless by the time alone. */
export type IsolatedTasks = Map<string, Set<Task>>

const instanceOf = ({ historyKey, jkt }: Task): string => `${historyKey} ${jkt ?? ""}`

export function addIsolated({ isolated }: LedgerState, task: Task): void {
  if (!task.isolated || task.status === "completed" || task.status === "revoked") return
  const instance = instanceOf(task)
  isolated.set(instance, (isolated.get(instance) ?? new Set()).add(task))
}

/** @returns whether it was isolated, and was the last of its instance */
export function removeIsolated({ isolated }: LedgerState, task: Task): boolean {
  if (!task.isolated) return false
  const tasks = isolated.get(instanceOf(task))
  tasks?.delete(task)
  if (tasks && tasks.size > 0) return false
  isolated.delete(instanceOf(task))
  return true
}

/** Whether another isolated task of this one's instance is alive. */
export function hasLiveInstance({ isolated }: LedgerState, task: Task, now: number): boolean {
  return (
    isolated
      .get(instanceOf(task))
      ?.values()
      .some((other) => mayGoOn(other, now)) ?? false
  )
}

/** Whether it is alive, or may be once an operator releases it. */
export function mayGoOn(task: Task, now: number): boolean {
  const why = whyEnded(task, now)
  return why === null || (why === "quarantined" && now < task.expiresAt)
}
