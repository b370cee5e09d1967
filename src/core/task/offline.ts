/**
 * A task may go on after its user's session, if its purpose has `session: { offline: true }` and the user has consented
 * to exactly that. It is bound to a key. What was given before the user, or their provider, was suspended ends with the
 * suspension (core/signals/switch.ts), and an event that revokes sessions ends it as well.
 */
import type { Bundle } from "../policy/assemble.ts"
import type { PurposeDefinition } from "../policy/definition/agents.ts"
import type { Step } from "./opening-step.ts"
import type { TreeState } from "./state.ts"
import type { Task } from "./task.ts"

export function isOfflinePurpose(purpose: Pick<PurposeDefinition, "session"> | undefined): boolean {
  return purpose?.session?.offline === true
}

/**
 * Whether the task that is opened goes on after the session: by consent alone, and below another task only if that one
 * goes on too.
 * @param above the tasks above it, its parent first; null: it is a root task
 */
export function isOpenedOffline(
  { request, state, bundle }: Step,
  purpose: PurposeDefinition,
  above: readonly Task[] | null,
): boolean {
  const { jkt, shown, approvals, isPreview = false } = request
  if (!isOfflinePurpose(purpose) || jkt === null) return false
  if (above) return outliveSession(above, state, bundle)
  const isConsented = isPreview || approvals.includes("user")
  return isConsented && (!shown || shown.task.isOffline === true)
}

/**
 * Whether tokens of these tasks go on after the session, by the current rules. A purpose that is changed back ends that
 * for the tasks below as well, and so does a provider whose people are no longer accepted.
 * @param ancestry a task and those above it
 */
export function outliveSession(
  ancestry: readonly Task[],
  { user }: Pick<TreeState, "user">,
  { purposes, issuers }: Pick<Bundle, "purposes" | "issuers">,
): boolean {
  const isAccepted = issuers.some(
    ({ issuer, users, operators }) => issuer === user?.issuer && (users ?? operators) !== undefined,
  )
  return (
    isAccepted &&
    ancestry.every(({ isOffline, purpose }) => isOffline === true && isOfflinePurpose(purposes.get(purpose)))
  )
}
