/** `apply*`: the only functions that change a tree's state, each by a value that a pure step made. */
import { used, type Approval } from "./approval.ts"
import type { Guardrails } from "../guardrails/guardrails.ts"
import type { Signal } from "../guardrails/risk.ts"
import { applyUpdates, type MemoryUpdate } from "../guardrails/memory-update.ts"
import type { Pointer } from "../policy/bundle.ts"
import type { TaskChange, TaskEnd } from "./change.ts"
import type { Opening } from "./opening-step.ts"
import { isBelow, type TreeState } from "./state.ts"
import type { EndedBy, Task, TaskStatus } from "./task.ts"

/** Retries are remembered for seconds; above this number the stale ones are dropped. */
const MAX_RETRIES = 1_000

export function applyChange(state: TreeState, change: TaskChange): void {
  const { at, counted, busy, plans, approvals, memoryUpdates, labels, remember } = change
  state.clock = at
  for (const id of counted) {
    const task = state.tasks.get(id)
    if (task) task.calls += 1
  }
  for (const id of busy) {
    const task = state.tasks.get(id)
    if (task) task.lastCall = at
  }
  for (const { task: id, progress } of plans) {
    const task = state.tasks.get(id)
    if (task) task.progress = progress
  }
  applyUpdates(state.memory, memoryUpdates, at)
  for (const approval of approvals) applyApproval(state, used(approval))
  for (const label of labels) state.labels.add(label)
  if (remember) {
    dropStale(state.retries, MAX_RETRIES, ({ until }) => until <= at)
    const { key, ...admission } = remember
    state.retries.set(key, admission)
  }
}

/** From now on no older bundle decides, and what this one hides stays hidden. */
export function applyBundle(state: TreeState, pointer: Pointer, { telltales }: Guardrails): void {
  if (pointer.seq === state.bundle.seq) return
  state.bundle = pointer
  for (const guardrail of telltales) state.hidden.add(guardrail)
}

/** Sets an approval that was requested, answered, or used. */
export function applyApproval(state: TreeState, approval: Approval): void {
  for (const [id, { expiresAt }] of state.approvals) if (expiresAt <= state.clock) state.approvals.delete(id)
  state.approvals.set(approval.id, approval)
}

/** Applies the memory updates of a denied call. */
export function applyAfterwards(state: TreeState, memoryUpdates: readonly MemoryUpdate[], now: number): void {
  state.clock = now
  applyUpdates(state.memory, memoryUpdates, now)
}

function dropStale<Item>(items: Map<string, Item>, limit: number, isStale: (item: Item) => boolean): void {
  if (items.size < limit) return
  for (const [key, item] of items) if (isStale(item)) items.delete(key)
}

export function applyOpening(state: TreeState, { task, token, session }: Opening, now: number): void {
  state.clock = now
  if (session) {
    state.user = session.user
    state.since = session.since
  }
  for (const [jti, { expiresAt }] of state.tokens) if (expiresAt <= now) state.tokens.delete(jti)
  const { jti, ...issued } = token
  state.tokens.set(jti, issued)
  const owner = task ?? state.tasks.get(token.task)
  if (owner) owner.jkt = token.jkt
  if (!task) return
  state.tasks.set(task.id, task)
  const parent = task.parent === null ? undefined : state.tasks.get(task.parent)
  if (parent) parent.children += 1
}

/** Ends by a person. Every other end an agent can cause by what it calls or presents. */
const BY_PERSON: ReadonlySet<EndedBy> = new Set(["operator", "rejection"])

/**
 * Tasks that an end would change: that task and, unless it is only quarantined, all those below it that have not ended
 * before. Only a person ends a quarantined task. Otherwise an agent could end it or its parent, and so hide what an
 * operator has to look at.
 */
export function endedBy(state: TreeState, { task: id, status, by }: TaskEnd): readonly string[] {
  const isReached = (task: string): boolean => task === id || (status !== "quarantined" && isBelow(task, id))
  // Only an active task is quarantined: the release of a pending one would start a task without consent.
  const changes = (from: TaskStatus): boolean => {
    if (status === "quarantined") return from === "active"
    return from === "quarantined" ? BY_PERSON.has(by) : from !== "completed" && from !== "revoked"
  }
  return [...state.tasks.values()].filter((task) => isReached(task.id) && changes(task.status)).map((task) => task.id)
}

export function applyEnd(state: TreeState, ids: readonly string[], end: TaskEnd): void {
  const { status, by } = end
  forgetRetries(state, end)
  for (const id of ids) {
    const task = state.tasks.get(id)
    if (!task) continue
    task.status = status
    task.endedBy = by
  }
}

/**
 * Once an end was acknowledged, no retry of an earlier call is allowed, not even of a task that had ended before and
 * does not change. Only the call that finished a plan may be repeated after the end that it caused itself.
 */
function forgetRetries({ retries }: TreeState, { task: id, by }: TaskEnd): void {
  for (const [key, { task, finished }] of retries) {
    const isReached = task === id || isBelow(task, id)
    if (isReached && !(by === "plan" && finished === id)) retries.delete(key)
  }
}

/** @param signal replaces the reported risk; null: the report is withdrawn */
export function applyRisk(state: TreeState, task: string, signal: Signal | null): void {
  if (signal) state.risks.set(task, signal)
  else state.risks.delete(task)
}

/** An operator releases the quarantined task. */
export function applyRelease(task: Task): void {
  task.status = "active"
  task.endedBy = null
}
