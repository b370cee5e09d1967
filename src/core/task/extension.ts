/**
 * A task may outlive a short session, if its purpose has `session: { refresh: true }`: a fresher session of the same
 * person, from the same client and with the same proven key, extends it, never past its life and what was consented to.
 * Only a root task is extended; those below it keep their own ends.
 */
import type { Bundle } from "../policy/assemble.ts"
import type { PurposeDefinition } from "../policy/definition/agents.ts"
import type { OpenRequest } from "./open-request.ts"
import { firstBound, type Bound } from "./opening-step.ts"
import type { TreeState } from "./state.ts"
import type { Task, TaskLimit } from "./task.ts"

/** How far fresher sessions extend a task, and which session it had last. */
export interface Extendable {
  /** Milliseconds since the epoch: its life, or what its user has consented to. */
  readonly until: number
  /** Which of the two. */
  readonly limitedBy: TaskLimit
  /** To which the provider issued the session. Null: the user consented at our own pages, and no session was brought yet. */
  readonly client: string | null
  /** Milliseconds since the epoch, when the session was issued. */
  readonly since: number
}

/** What a fresher session changes of a task. */
export type Extension = Required<Pick<Task, "expiresAt" | "limitedBy" | "extendable">>

/** @param latest the bounds of the task other than the session */
export function extendableTo(
  latest: Bound<TaskLimit>,
  { parent, jkt, sessionExpiresAt, sessionClient, since }: OpenRequest,
  purpose: PurposeDefinition,
): Extendable | null {
  if (!isRefreshed(purpose) || parent !== null || jkt === null || sessionExpiresAt === null) return null
  return { until: latest.at, limitedBy: latest.by, client: sessionClient, since }
}

export function isRefreshed(purpose: Pick<PurposeDefinition, "session"> | undefined): boolean {
  return purpose?.session?.refresh === true
}

/** Whether the session is from another client than the last one of a task that sessions extend. */
export function isOfOtherClient({ extendable }: Task, { sessionClient }: OpenRequest): boolean {
  return extendable !== undefined && extendable.client !== null && extendable.client !== sessionClient
}

/**
 * Whether the session was issued later than all that the tree has had, and lasts longer, for a login that is not earlier.
 * The login may be the same: a provider that issues another session still regards its user as signed in.
 */
export function isLaterSession(
  { bundle, state, request: { user, since } }: { bundle: Bundle; state: TreeState; request: OpenRequest },
  { extendable, purpose }: Task,
): boolean {
  if (!extendable || !isRefreshed(bundle.purposes.get(purpose)) || !user || !state.user) return false
  const loginOf = ({ auth_time = Number.NEGATIVE_INFINITY }: typeof user): number => auth_time
  return (
    since > extendable.since &&
    (user.until ?? 0) > (state.user.until ?? Number.POSITIVE_INFINITY) &&
    loginOf(user) >= loginOf(state.user)
  )
}

/** What the session changes of the task. Null: nothing. */
export function extensionOf(
  step: { bundle: Bundle; state: TreeState; request: OpenRequest },
  task: Task,
): Extension | null {
  const { sessionExpiresAt, sessionClient, since } = step.request
  const { extendable } = task
  if (!extendable || sessionExpiresAt === null || isOfOtherClient(task, step.request)) return null
  if (!isLaterSession(step, task)) return null
  const end = firstBound<TaskLimit>([extendable.limitedBy, extendable.until], ["session", sessionExpiresAt])
  const ends = end.at > task.expiresAt ? { expiresAt: end.at, limitedBy: end.by } : task
  return {
    expiresAt: ends.expiresAt,
    limitedBy: ends.limitedBy,
    extendable: { ...extendable, client: sessionClient, since },
  }
}
