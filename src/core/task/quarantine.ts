/**
 * Quarantined tasks: while an operator has to look at one, its agent opens no other for the same user and purpose. It
 * would go on there as if nothing had happened.
 */
import type { LedgerState } from "./state.ts"
import type { Task } from "./task.ts"
import type { HistoryKey } from "../guardrails/history-key.ts"

/** By agent and purpose, so that opening a task looks at no other of the ledger. */
export type QuarantinedTasks = Map<string, Set<Task>>

const keyOf = ({ historyKey, purpose }: Pick<Task, "historyKey" | "purpose">): string => `${historyKey} ${purpose}`

/** Adds or removes the task, whose status has changed or which was loaded. */
export function noteQuarantine({ quarantined }: LedgerState, task: Task): void {
  if (task.status !== "quarantined") forgetQuarantine({ quarantined }, task)
  else quarantined.set(keyOf(task), (quarantined.get(keyOf(task)) ?? new Set()).add(task))
}

/** It has ended, or its time has passed. */
export function forgetQuarantine({ quarantined }: Pick<LedgerState, "quarantined">, task: Task): void {
  const tasks = quarantined.get(keyOf(task))
  if (tasks?.delete(task) && tasks.size === 0) quarantined.delete(keyOf(task))
}

/** A task of this agent and purpose that an operator has to release or end first. */
export function quarantinedTask(
  { quarantined }: LedgerState,
  historyKey: HistoryKey,
  purpose: string,
  now: number,
): Task | undefined {
  return quarantined
    .get(keyOf({ historyKey, purpose }))
    ?.values()
    .find(({ expiresAt }) => now < expiresAt)
}
