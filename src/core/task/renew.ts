/**
 * Issues one more token of an existing task: by its own token, by a fresher session (step-up), or by a refresh token.
 */
import { isOAuthFailure, oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import type { Bundle } from "../policy/assemble.ts"
import { NOTHING_REQUESTED } from "./grant.ts"
import { extensionOf, isOfOtherClient } from "./extension.ts"
import type { OpenRequest } from "./open-request.ts"
import { type Opened, type Step, type Parent, fullness, ended, issue } from "./opening-step.ts"
import { isAlive, ancestryOf, whyEnded, type TreeState } from "./state.ts"
import type { Task } from "./task.ts"
import { readNarrowerScope } from "./token-scope.ts"

export function renew(step: Step, { task, ancestry, token }: Parent): Opened | OAuthFailure {
  // An unbound token may be exchanged for a bound one, never the other way round, nor for another key's. That includes
  // a token from before the task was bound: a thief could otherwise use it to remove the key.
  if (task.jkt !== null && task.jkt !== step.request.jkt) return oauthError({ reason: "key_differs" })
  if (!takesAsItIs(step.request, task)) return oauthError({ reason: "renewal_differs" })
  const { scope } = token
  return issue(step, null, [task, ...ancestry.slice(1)], scope === undefined ? {} : { scope })
}

/** A renewal takes the task as it is. A request for less would surprisingly receive all, so it is rejected. */
function takesAsItIs({ asked, purpose }: OpenRequest, task: Task): boolean {
  return asked.parts === null && (purpose === null || purpose === task.purpose)
}

/**
 * Step-up (RFC 9470): the agent of a live task brings a fresher session of the tree's user, with the key of its tokens,
 * which may have expired while the user logged in. The facts of its user's login are replaced for the whole tree. If the
 * purpose says so, the fresher session extends the task (extension.ts).
 */
export function freshen(step: Step, id: string): Opened | OAuthFailure {
  const { state, request, agent, now } = step
  const ancestry = ancestryOf(state, id)
  const [task, ...above] = ancestry
  if (!task) return oauthError({ reason: "task_unknown", what: id })
  // While a task waits for consent, nobody has consented to it.
  if (state.consent && !state.consent.isRedeemed) return oauthError({ reason: "task_unknown", what: id })
  if (!isAlive(state, ancestry, now)) return ended(ancestry, now) ?? oauthError({ reason: "task_unknown", what: id })
  const { user } = request
  if (task.agent !== agent.id) return oauthError({ reason: "session_differs", what: "agent" })
  if (!user || user.issuer !== state.user?.issuer || user.subject !== state.user.subject) {
    return oauthError({ reason: "session_differs", what: "user" })
  }
  if (task.jkt !== request.jkt) return oauthError({ reason: "key_differs" })
  if (isOfOtherClient(task, request)) return oauthError({ reason: "session_differs", what: "client" })
  if (!takesAsItIs(request, task)) return oauthError({ reason: "renewal_differs" })
  const isLaterLogin =
    user.auth_time !== undefined && user.auth_time > (state.user.auth_time ?? Number.NEGATIVE_INFINITY)
  const extension = extensionOf(step, task)
  if (!isLaterLogin && !extension) return oauthError({ reason: "session_not_fresher" })
  // A fresh login proves who the user is now. A revocation of what was granted earlier still covers the task.
  const session = { user, since: Math.min(state.since, request.since) }
  return issue(step, null, [task, ...above], { session, extension })
}

/** The error once an agent is no longer registered as a client, which ends what people granted it at their browsers. */
export const NO_CLIENT = { reason: "grant_refused", what: "its agent is no client any more" } as const

/**
 * By a refresh token (RFC 6749, section 6): one more token of the tree's own task, for the key that its tokens are
 * bound to. Nobody consents again, so nothing of the task changes; the token may have a narrower scope.
 */
export function renewRoot(
  bundle: Bundle,
  state: TreeState,
  { scope, ...by }: Pick<OpenRequest, "agent" | "audience" | "jkt" | "token"> & { readonly scope: string | null },
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
  const full = fullness(state, task.historyKey, now)
  if (full) return full
  const noSession = { user: null, sessionExpiresAt: null, sessionClient: null, since: 0 }
  const nothing = { parent: null, task: null, purpose: null, asked: NOTHING_REQUESTED, caps: [], approvals: [] }
  const step = { bundle, state, request: { ...by, ...noSession, ...nothing }, agent, now }
  const narrower = readNarrowerScope(scope, task, state.consent?.asked ?? null, bundle.catalog.tools)
  if (isOAuthFailure(narrower)) return narrower
  const issued = issue(step, null, [task], narrower)
  const isOver = isOAuthFailure(issued) && issued.refused.reason === "parent_ended"
  return isOver ? oauthError({ reason: "grant_refused", what: "the session of its task is over" }) : issued
}
