/**
 * Tasks below which other tasks were opened: what an agent knows reaches the agents to which it has delegated, in
 * whichever tree it has done so.
 */
import { mayGoOn } from "./isolation.ts"
import { isBelow, rootOf, type LedgerState } from "./state.ts"
import type { Task } from "./task.ts"
import type { HistoryKey } from "../guardrails/history-key.ts"

/** By agent, so that no call looks at all tasks of the ledger. */
export type DelegatingTasks = Map<HistoryKey, Set<Task>>

/** A task was opened below it, or it was loaded. */
export function noteDelegating({ delegating }: LedgerState, task: Task): void {
  if (task.children === 0 || task.status === "completed" || task.status === "revoked") return
  delegating.set(task.historyKey, (delegating.get(task.historyKey) ?? new Set()).add(task))
}

/** It has ended, or its time has passed. */
export function forgetDelegating({ delegating }: LedgerState, task: Task): void {
  const tasks = delegating.get(task.historyKey)
  if (tasks?.delete(task) && tasks.size === 0) delegating.delete(task.historyKey)
}

/** A live task, and those below it that live too. */
export interface Delegation {
  readonly from: Task
  readonly to: readonly Task[]
}

export function delegationsOf(
  { delegating, trees }: LedgerState,
  agent: HistoryKey,
  now: number,
): readonly Delegation[] {
  return [...(delegating.get(agent) ?? [])].flatMap((from) => {
    const tasks = trees.get(rootOf(from.id))?.tasks.values()
    if (!tasks || !mayGoOn(from, now)) return []
    return { from, to: [...tasks].filter((task) => isBelow(task.id, from.id) && mayGoOn(task, now)) }
  })
}
