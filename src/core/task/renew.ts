/** One more token of a task that exists: by its own token, by a fresher session (step-up), or by a refresh token. */
import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import type { Bundle } from "../policy/assemble.ts"
import { ASKED_NOTHING } from "./grant.ts"
import type { OpenRequest } from "./open-request.ts"
import { type Opened, type Step, type Parent, fullness, ended, issue } from "./opening-step.ts"
import { isAlive, ancestryOf, whyEnded, type TreeState } from "./state.ts"
import type { Task } from "./task.ts"

export function renew(step: Step, { task, ancestry }: Parent): Opened | OAuthFailure {
  // An unbound token may be traded for a bound one, never the other way round nor for another key's: not even by a token
  // from before the task was bound, which whoever has stolen it could otherwise use to take the key away again.
  if (task.jkt !== null && task.jkt !== step.request.jkt) return oauthError({ reason: "key_differs" })
  return takesAsItIs(step.request, task)
    ? issue(step, null, [task, ...ancestry.slice(1)])
    : oauthError({ reason: "renewal_differs" })
}

/** A renewal takes the task as it is; asking for less and getting all would be a surprise, so it is refused. */
function takesAsItIs({ asked, purpose }: OpenRequest, task: Task): boolean {
  return asked.parts === null && (purpose === null || purpose === task.purpose)
}

/**
 * Step-up (RFC 9470): a fresher session of the tree's user, brought by the agent of a live task of the tree, with the
 * key of its tokens, which may have expired while the user logged in. The task stays what it is; what its user's login
 * proves is replaced for the whole tree.
 */
export function freshen(step: Step, id: string): Opened | OAuthFailure {
  const { state, request, agent, now } = step
  const ancestry = ancestryOf(state, id)
  const [task, ...above] = ancestry
  if (!task) return oauthError({ reason: "task_unknown", what: id })
  // Nobody has consented to what waits for consent, whatever became of it.
  if (state.consent && !state.consent.isRedeemed) return oauthError({ reason: "task_unknown", what: id })
  if (!isAlive(state, ancestry, now)) return ended(ancestry, now) ?? oauthError({ reason: "task_unknown", what: id })
  const { user } = request
  if (task.agent !== agent.id) return oauthError({ reason: "session_differs", what: "agent" })
  if (!user || user.issuer !== state.user?.issuer || user.subject !== state.user.subject) {
    return oauthError({ reason: "session_differs", what: "user" })
  }
  if (task.jkt !== request.jkt) return oauthError({ reason: "key_differs" })
  if (!takesAsItIs(request, task)) return oauthError({ reason: "renewal_differs" })
  if (user.auth_time === undefined || user.auth_time <= (state.user.auth_time ?? Number.NEGATIVE_INFINITY)) {
    return oauthError({ reason: "session_not_fresher" })
  }
  // A fresh login proves who the user is now. It makes what was granted before no younger for a stop with a time.
  return issue(step, null, [task, ...above], { user, since: Math.min(state.since, request.since) })
}

/** What its registration gave it for people at their browsers is gone with that. */
export const NO_CLIENT = { reason: "grant_refused", what: "its agent is no client any more" } as const

/**
 * By a refresh token (RFC 6749 6): one more token of the tree's own task, to the key that its tokens are bound to. Nobody
 * is asked again, and so nothing of it changes.
 */
export function renewRoot(
  bundle: Bundle,
  state: TreeState,
  by: Pick<OpenRequest, "agent" | "audience" | "jkt" | "token">,
  now: number,
): Opened | OAuthFailure {
  const agent = bundle.agents.get(by.agent)
  if (!agent) return oauthError({ reason: "agent_unregistered", agent: by.agent })
  if (!agent.client) return oauthError(NO_CLIENT)
  const [task] = ancestryOf(state, state.root)
  const over = task ? whyEnded(task, now) : "unknown"
  if (!task || over !== null) return oauthError({ reason: "grant_refused", what: `its task is ${over ?? "unknown"}` })
  if (agent.bound_key && by.jkt === null) return oauthError({ reason: "key_required" })
  if (task.jkt !== null && task.jkt !== by.jkt) return oauthError({ reason: "key_differs" })
  const full = fullness(state, now)
  if (full) return full
  const request = { ...by, user: null, sessionExpiresAt: null, since: 0, parent: null, task: null, purpose: null }
  const step = { bundle, state, request: { ...request, asked: ASKED_NOTHING, caps: [], approvals: [] }, agent, now }
  return issue(step, null, [task])
}
