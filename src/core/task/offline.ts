/**
 * A task may go on after its user's session, if its purpose has `session: { offline: true }` and the user has consented
 * to exactly that. It is bound to a key. What was given before the user, or their provider, was suspended ends with the
 * suspension (core/signals/switch.ts), and an event that revokes sessions ends it as well.
 */
import type { PurposeDefinition } from "../policy/definition/agents.ts"
import type { Lookup } from "../encoding/lookup.ts"
import type { OpenRequest } from "./open-request.ts"
import type { Task } from "./task.ts"

export function isOfflinePurpose(purpose: Pick<PurposeDefinition, "session"> | undefined): boolean {
  return purpose?.session?.offline === true
}

/**
 * Whether the task that is opened goes on after the session: by consent alone, and below another task only if that one
 * goes on too.
 * @param parent null: it is a root task
 */
export function isOpenedOffline(request: OpenRequest, purpose: PurposeDefinition, parent: Task | null): boolean {
  const { jkt, shown, approvals, isPreview = false } = request
  if (!isOfflinePurpose(purpose) || jkt === null) return false
  if (parent) return parent.isOffline === true
  const isConsented = isPreview || approvals.includes("user")
  return isConsented && (!shown || shown.task.isOffline === true)
}

/** Whether its tokens go on after the session, by the current rules: a purpose that is changed back ends that. */
export function outlivesSession({ isOffline, purpose }: Task, purposes: Lookup<PurposeDefinition>): boolean {
  return isOffline === true && isOfflinePurpose(purposes.get(purpose))
}
