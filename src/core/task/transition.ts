/** `apply*`: the only functions that change a tree's state, each by a value that a pure step made. */
import { applyUse, isOpen, type Approval } from "./approval.ts"
import type { Guardrails } from "../guardrails/guardrails.ts"
import type { Pointer } from "../policy/bundle.ts"
import type { TaskChange, TaskEnd } from "./change.ts"
import { noteContinuable } from "./continuation.ts"
import { forgetDelegating, noteDelegating } from "./delegations.ts"
import { addIsolated, removeIsolated } from "./isolation.ts"
import { carry, forgetInstance } from "./labels.ts"
import { applyScoped, type ScopedUpdates } from "./memories.ts"
import { forgetQuarantine, noteQuarantine } from "./quarantine.ts"
import { bytesOf, openingsOf } from "./openings.ts"
import { MAX_TOKENS_OF_TREE, type Opening } from "./opening-step.ts"
import { isBelow, type LedgerState, type TreeState } from "./state.ts"
import type { EndedBy, Task, TaskStatus } from "./task.ts"
import { historyKeyOf, type HistoryKey } from "../guardrails/history-key.ts"

/**
 * Retries are remembered for seconds. A tree that is called faster forgets the oldest, whose retry is then another call.
 */
export const MAX_RETRIES_OF_TREE = 10_000

export function applyChange(state: TreeState, change: TaskChange): void {
  const { at, counted, busy, plans, approvals, memoryUpdates, labels, carried, remember } = change
  state.ledger.clock = at
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
  applyScoped(state.ledger.memories, memoryUpdates, at)
  for (const approval of approvals) applyApproval(state, applyUse(approval))
  for (const label of labels) state.labels.add(label)
  carry(state.ledger, carried, at)
  if (remember) rememberRetry(state.retries, remember, at)
}

/** All are remembered for the same time, so the first that still counts has only such behind it. */
function rememberRetry(
  retries: TreeState["retries"],
  remember: NonNullable<TaskChange["remember"]>,
  now: number,
): void {
  for (const [oldest, { until }] of retries) {
    if (now < until && retries.size < MAX_RETRIES_OF_TREE) break
    retries.delete(oldest)
  }
  const { key, ...admission } = remember
  // Under the same id, the latest call counts, as the last of its time.
  retries.delete(key)
  retries.set(key, admission)
}

/** From now on no older bundle decides, and what this one hides stays hidden. */
export function applyBundle(ledger: LedgerState, pointer: Pointer, { figuresHidden }: Guardrails): void {
  if (pointer.seq === ledger.bundle.seq) return
  ledger.bundle = pointer
  for (const guardrail of figuresHidden) ledger.hidden.add(guardrail)
}

/** Sets an approval that was requested, answered, or used. */
export function applyApproval(state: TreeState, approval: Approval): void {
  for (const [id, { expiresAt }] of state.approvals) if (expiresAt <= state.ledger.clock) state.approvals.delete(id)
  state.approvals.set(approval.id, approval)
  countApproval(state, approval)
}

/** Counts it among those of its agent while it is open. */
export function countApproval({ ledger: { openApprovals } }: TreeState, approval: Approval): void {
  const { id, shown, expiresAt } = approval
  if (isOpen(approval)) openApprovals.add(historyKeyOf(shown.agent), id, expiresAt)
  else openApprovals.remove(historyKeyOf(shown.agent), id)
}

/** Applies the memory updates of a denied call. */
export function applyMemoryUpdates(state: TreeState, memoryUpdates: readonly ScopedUpdates[], now: number): void {
  state.ledger.clock = now
  applyScoped(state.ledger.memories, memoryUpdates, now)
}

/** Drops tokens that have expired, before one more is issued to this agent. */
export function dropExpiredTokens(state: TreeState, agent: HistoryKey, now: number): void {
  state.ledger.liveTokens.expire(state, MAX_TOKENS_OF_TREE.tree, agent, now)
}

/** A task from storage. */
export function applyLoaded(ledger: LedgerState, task: Task): void {
  addIsolated(ledger, task)
  noteDelegating(ledger, task)
  noteContinuable(ledger, task)
  noteQuarantine(ledger, task)
}

/**
 * The time of these tasks has passed.
 * @returns as of `applyEndOfInstances`
 */
export function applyExpiry(ledger: LedgerState, tasks: readonly Task[]): readonly Task[] {
  for (const task of tasks) {
    forgetQuarantine(ledger, task)
    forgetDelegating(ledger, task)
  }
  return applyEndOfInstances(ledger, tasks)
}

export function applyOpening(
  state: TreeState,
  { task, token, session, extension, carried, isFresh }: Opening,
  now: number,
): void {
  state.ledger.clock = now
  if (task && isFresh) forgetInstance(state.ledger, task)
  carry(state.ledger, carried, now)
  if (session) {
    state.user = session.user
    state.since = session.since
  }
  const owner = task ?? state.tasks.get(token.task)
  if (owner) owner.jkt = token.jkt
  if (owner && extension) extendTask(state, Object.assign(owner, extension))
  if (task) addTask(state, task)
  const { jti, ...issued } = token
  state.ledger.liveTokens.add(state, jti, issued)
}

/** From now on a root task lives longer than all that counts it knew. */
function extendTask(state: TreeState, task: Task): void {
  countTask(state, task)
  openingsOf(state).extend(task)
}

function countTask(state: TreeState, task: Task): void {
  state.ledger.liveTasks.add(task.historyKey, task.id, task.expiresAt)
  bytesOf(state).add(task.historyKey, task.id, task.expiresAt, task.bytes)
}

function addTask(state: TreeState, task: Task): void {
  countTask(state, task)
  if (task.parent === null) {
    // A tree for which a person's consent was awaited was counted when it began to wait.
    if (state.tasks.has(task.id)) state.ledger.openings.extend(task)
    else state.ledger.openings.add(task)
  }
  state.tasks.set(task.id, task)
  addIsolated(state.ledger, task)
  noteContinuable(state.ledger, task)
  const parent = task.parent === null ? undefined : state.tasks.get(task.parent)
  if (!parent) return
  parent.children += 1
  noteDelegating(state.ledger, parent)
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
  if (status !== "quarantined") {
    for (const { id, task, shown } of state.approvals.values())
      if (ids.includes(task)) state.ledger.openApprovals.remove(historyKeyOf(shown.agent), id)
  }
  for (const id of ids) {
    const task = state.tasks.get(id)
    if (!task) continue
    task.status = status
    task.endedBy = by
    noteQuarantine(state.ledger, task)
    if (status === "quarantined") continue
    state.ledger.liveTasks.remove(task.historyKey, id)
    forgetDelegating(state.ledger, task)
    bytesOf(state).remove(task.historyKey, id)
    if (task.parent === null) openingsOf(state).end(task)
  }
  if (status !== "quarantined")
    applyEndOfInstances(
      state.ledger,
      ids.flatMap((id) => state.tasks.get(id) ?? []),
    )
}

/**
 * These tasks have ended. To repeat it does no harm.
 * @returns one of each instance whose isolated tasks have all ended: what it knew ends with them
 */
export function applyEndOfInstances(ledger: LedgerState, tasks: readonly Task[]): readonly Task[] {
  const last = tasks.filter((task) => removeIsolated(ledger, task))
  for (const task of last) forgetInstance(ledger, task)
  return last
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

/** An operator releases the quarantined task. */
export function applyRelease(ledger: LedgerState, task: Task): void {
  task.status = "active"
  task.endedBy = null
  noteQuarantine(ledger, task)
}
