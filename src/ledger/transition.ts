/**
 * `apply*`: the only functions that change a tree's state, each by a value that a pure step made.
 */
import type { Change } from "../decide.ts"
import type { Opening } from "../exchange/open.ts"
import { isBelow, windowLog, type TaskStatus, type TreeState } from "./state.ts"

/** Retries are remembered for seconds; above this many the stale ones are dropped. */
const MAX_RETRIES = 1_000

export function applyChange(state: TreeState, change: Change): void {
  const { at, counted, windows, labels, proof, remember } = change
  state.clock = at
  for (const id of counted) {
    const task = state.tasks.get(id)
    if (task) task.calls += 1
  }
  for (const { key } of windows) windowLog(state, key).admit(at)
  for (const label of labels) state.labels.add(label)
  if (proof !== null) state.proofs.admit(proof)
  if (remember) {
    dropStale(state.retries, MAX_RETRIES, ({ until }) => until <= at)
    const { key, call, decisionId, until } = remember
    state.retries.set(key, { call, decisionId, until })
  }
}

function dropStale<Item>(items: Map<string, Item>, limit: number, isStale: (item: Item) => boolean): void {
  if (items.size < limit) return
  for (const [key, item] of items) if (isStale(item)) items.delete(key)
}

export function applyOpening(state: TreeState, { task, token, user }: Opening, now: number): void {
  state.clock = now
  if (user) state.user = user
  for (const [jti, { expiresAt }] of state.tokens) if (expiresAt <= now) state.tokens.delete(jti)
  const { jti, ...issued } = token
  state.tokens.set(jti, issued)
  if (!task) return
  state.tasks.set(task.id, task)
  const parent = task.parent === null ? undefined : state.tasks.get(task.parent)
  if (parent) parent.children += 1
}

/** Ends a task and all below it; returns the ids of those that had not ended before. */
export function applyEnd(state: TreeState, id: string, status: Exclude<TaskStatus, "active">): string[] {
  const ended: string[] = []
  for (const task of state.tasks.values()) {
    if (task.status !== "active" || (task.id !== id && !isBelow(task.id, id))) continue
    task.status = status
    ended.push(task.id)
  }
  return ended
}
