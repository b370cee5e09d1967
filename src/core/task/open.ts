/**
 * Opening a task, renewing its token, or opening a child: one pure step of the tree's ledger, like `decide`. The state
 * it reads is the state it changes, so a child is never opened under a parent that is ending.
 */
import { fits } from "../encoding/bytes.ts"
import type { AgentDefinition } from "../policy/definition/agents.ts"
import type { Bundle } from "../policy/assemble.ts"
import { actionRef, delegateContext, entitiesFor, principalsOf, toolRef, type UserFacts } from "../policy/principals.ts"
import { newProgress } from "../guardrails/plan.ts"
import { isAlive, ancestryOf, whyEnded, type IssuedToken, type Task, type TreeState } from "./state.ts"
import { ASKED_NOTHING, narrow, type RequestedGrant, type Caps, type GrantReduction } from "./grant.ts"
import { asciiText } from "../encoding/display-text.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../denials/oauth-error.ts"

/** No token lives longer, whatever the registry says (DESIGN §4). */
const MAX_TOKEN_LIFE_MS = 900_000

export interface OpenRequest {
  /** The agent that proved its identity. */
  readonly agent: string
  /** Present for a root task only; a child has its tree's. */
  readonly user: UserFacts | null
  /** Milliseconds; the user's session ends then. */
  readonly sessionExpiresAt: number | null
  /** Milliseconds, when the session, or where there is none the agent's own authority, was given. */
  readonly since: number
  /**
   * A delegation token of this tree as subject; with the key that signed a hand-over of it to this agent and its key.
   */
  readonly parent: { readonly task: string; readonly token: string; readonly handedOverBy: string | null } | null
  /** A live task of this agent and user, to which the session is a fresher one. */
  readonly task: string | null
  readonly purpose: string | null
  readonly asked: RequestedGrant
  /** What may be asked for at most, by each of these. */
  readonly caps: readonly RequestedGrant[]
  /** Who has consented to it: `user`, where the person it is for has. */
  readonly approvals: readonly string[]
  /** The task that the person consented to, as they were shown it, and how many milliseconds it may live. */
  readonly shown?: { readonly task: Task; readonly life: number }
  /** What the person has left of it; absent: all. */
  readonly kept?: GrantReduction
  /** What policy lets the person delegate cannot be asked yet. */
  readonly isPreview?: boolean
  /** Of the token to be issued (RFC 8707): one that the task was opened for, or is to be opened for. */
  readonly audience: string
  /** Thumbprint of the key that the agent proved. */
  readonly jkt: string | null
  /** `jti` of the token to be issued. */
  readonly token: string
}

export interface Opening {
  /** Null: renewal of a token, no new task. */
  readonly task: Task | null
  /** The tree's user, as a fresher session tells, and when that was given; null: as before. */
  readonly session: { readonly user: UserFacts; readonly since: number } | null
  readonly token: { readonly jti: string } & IssuedToken
}

export interface Opened {
  readonly opening: Opening
  readonly task: Task
  /** Of the token. */
  readonly audience: string
  /** The token's chain, root first. */
  readonly chain: readonly string[]
}

/** What every way of opening reads. */
interface Step {
  readonly bundle: Bundle
  readonly state: TreeState
  readonly request: OpenRequest
  readonly agent: AgentDefinition
  readonly now: number
}

/** A live task that a token of the request names, with all above it, itself first. */
interface Parent {
  readonly task: Task
  readonly ancestry: readonly Task[]
  readonly token: IssuedToken
}

export function openTask(bundle: Bundle, state: TreeState, request: OpenRequest, now: number): Opened | OAuthFailure {
  const agent = bundle.agents.get(request.agent)
  if (!agent) return oauthError({ reason: "agent_unregistered", agent: request.agent })
  if (agent.bound_key && request.jkt === null) return oauthError({ reason: "key_required" })
  // By this clock: a session that has ended opens nothing, and freshens nothing.
  const { sessionExpiresAt } = request
  if (sessionExpiresAt !== null && now >= sessionExpiresAt) {
    const because = { reason: "expired", exp: Math.floor(sessionExpiresAt / 1000) } as const
    return oauthError({ reason: "subject_rejected", because })
  }
  const full = fullness(state, now)
  if (full) return full
  const step = { bundle, state, request, agent, now }
  if (request.task !== null) return freshen(step, request.task)
  if (!request.parent) return openNew(step, state.root, null)
  const parent = liveParent(step, request.parent)
  if (isOAuthFailure(parent)) return parent
  return parent.task.agent === agent.id ? renew(step, parent) : openChild(step, parent)
}

/** A tree stays one object's: so many tasks are a loop, and so many live tokens nobody needs. */
const MAX_TASKS = 256
const MAX_TOKENS = 1_024

function fullness({ tasks, tokens }: TreeState, now: number): OAuthFailure | null {
  const live = [...tokens.values()].filter(({ expiresAt }) => now < expiresAt)
  if (tasks.size < MAX_TASKS && live.length < MAX_TOKENS) return null
  return oauthError({ reason: "too_many_tasks", what: "tree", retry_after: 60 })
}

function liveParent(
  { state, now }: Step,
  named: { readonly task: string; readonly token: string },
): Parent | OAuthFailure {
  const ancestry = ancestryOf(state, named.task)
  const [task] = ancestry
  const token = state.tokens.get(named.token)
  if (!task || !token || token.task !== task.id || now >= token.expiresAt) {
    return oauthError({ reason: "parent_token_unknown" })
  }
  return ended(ancestry, now) ?? { task, ancestry, token }
}

function ended(ancestry: readonly Task[], now: number): OAuthFailure | null {
  for (const task of ancestry) {
    const state = whyEnded(task, now)
    if (state !== null) return oauthError({ reason: "parent_ended", task: task.id, state })
  }
  return null
}

function openChild(step: Step, parent: Parent): Opened | OAuthFailure {
  const { bundle, agent } = step
  const { task, ancestry, token } = parent
  // Whoever holds a bound token without its key could otherwise exchange it for one of its own.
  const handedOverBy = step.request.parent?.handedOverBy ?? null
  if (token.jkt !== null && handedOverBy === null) return oauthError({ reason: "handover_required" })
  if (token.jkt !== null && handedOverBy !== token.jkt)
    return oauthError({ reason: "handover_rejected", what: "another key" })
  if (!bundle.agents.get(task.agent)?.delegates_to.includes(agent.id)) {
    return oauthError({ reason: "delegation_not_allowed", from: task.agent, to: agent.id })
  }
  for (const [index, above] of ancestry.entries()) {
    const depth = bundle.agents.get(above.agent)?.depth ?? 0
    if (index + 1 > depth) return oauthError({ reason: "too_deep", agent: above.agent, depth })
  }
  return openNew(step, `${task.id}.${task.children + 1}`, parent)
}

function renew(step: Step, { task, ancestry }: Parent): Opened | OAuthFailure {
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
function freshen(step: Step, id: string): Opened | OAuthFailure {
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

/** A root task, or one below `parent`. */
function openNew(step: Step, id: string, parent: Parent | null): Opened | OAuthFailure {
  const { bundle, state, request, agent, now } = step
  const name = request.purpose ?? agent.purposes[0] ?? ""
  const purpose = agent.purposes.includes(name) ? bundle.purposes.get(name) : undefined
  if (!purpose) return oauthError({ reason: "purpose_not_allowed", purpose: asciiText(name) })
  if (purpose.user === "required" && !state.user) return oauthError({ reason: "user_required", purpose: name })
  const narrowedBy = (policy: Caps["policy"]): ReturnType<typeof narrow> =>
    narrow(bundle.catalog.tools.values(), request.asked, {
      purpose,
      agent,
      parent: parent ? { agent: parent.task.agent, grant: parent.task.grant } : shownTo(request),
      assertion: request.caps,
      consent: request.kept,
      policy,
    })
  const narrowed = narrowedBy(mayDelegate(step, name, request.approvals))
  if ("ambiguous" in narrowed) return oauthError({ reason: "details_ambiguous", tool: narrowed.ambiguous })
  if (!("grant" in narrowed)) {
    // What nobody may have on this agent's word alone, somebody may with a person's.
    const consented = state.user && narrowedBy(mayDelegate(step, name, [...request.approvals, "user"]))
    if (consented && "grant" in consented) return oauthError({ reason: "consent_required", scope: consented.scope })
    return oauthError({ reason: "nothing_left", ...narrowed })
  }
  const plan = request.shown?.task.plan ?? purpose.plan ?? null
  const task: Task = {
    id,
    parent: parent?.task.id ?? null,
    agent: agent.id,
    audiences: request.shown?.task.audiences ?? [request.audience],
    purpose: name,
    grant: narrowed.grant,
    scope: narrowed.scope,
    details: narrowed.details,
    plan,
    idle: earliest(purpose.idle && purpose.idle * 1000, request.shown?.task.idle),
    openedAt: now,
    expiresAt:
      earliest(
        now + purpose.life * 1000,
        request.shown && now + request.shown.life,
        request.kept && request.kept.life && now + request.kept.life,
        parent?.task.expiresAt,
        request.sessionExpiresAt,
      ) ?? now,
    jkt: request.jkt,
    status: "active",
    endedBy: null,
    calls: 0,
    children: 0,
    lastCall: now,
    progress: plan ? newProgress(plan) : [],
  }
  if (!fits(JSON.stringify(task), MAX_TASK_BYTES)) return oauthError({ reason: "details_malformed", what: TOO_LONG })
  return issue(step, task, [task, ...(parent?.ancestry ?? [])])
}

/**
 * A task is one row of its ledger's storage, where a row holds no more than 2 MB. Bounds stand in it for each tool that
 * they are about, and again in each task below.
 */
const MAX_TASK_BYTES = 1_000_000
const TOO_LONG = "with its bounds for each tool the grant is too long"

/** Asked of policy for the user, or for the agent where there is none: whether a tool may go into a token at all. */
function mayDelegate(
  { bundle, state, request, agent }: Step,
  purpose: string,
  approvals: readonly string[],
): Caps["policy"] {
  const entities = entitiesFor(bundle.entities, state.user)
  const [principal] = principalsOf(state.user, [agent.id])
  const action = actionRef("delegate")
  const context = delegateContext(purpose, agent.id, approvals)
  return {
    principal: principal?.id ?? "",
    permits: (tool) =>
      request.isPreview === true ||
      (principal !== undefined &&
        bundle.engine.authorize({ principal, action, resource: toolRef(tool.name), context }, entities).allowed),
  }
}

/**
 * Every token is issued here. Its audience is one that each task of the line was opened for (RFC 8707, section 2.2): what
 * a person consented to for one resource server is no authority at another, and a child stays within its parent's.
 * @param task the new one, or null for a renewal; `line` begins with the task that the token is for
 */
function issue(
  { request, agent, now }: Step,
  task: Task | null,
  ancestry: readonly [Task, ...Task[]],
  session: Opening["session"] = null,
): Opened | OAuthFailure {
  const [owner] = ancestry
  const { audience } = request
  const differing = ancestry.find(({ audiences }) => !audiences.includes(audience))
  if (differing) return oauthError({ reason: "audience_differs", audience, expected: differing.audiences })
  const life = Math.min(agent.life * 1000, MAX_TOKEN_LIFE_MS)
  const expiresAt = earliest(now + life, owner.expiresAt, request.sessionExpiresAt) ?? now
  const token = { jti: request.token, task: owner.id, expiresAt, jkt: request.jkt }
  const chain = ancestry.map((each) => each.agent).toReversed()
  return { opening: { task, token, session }, task: owner, audience, chain }
}

function earliest(...times: readonly (number | null | undefined)[]): number | null {
  const known = times.filter((time) => time !== null && time !== undefined)
  return known.length === 0 ? null : Math.min(...known)
}

function shownTo({ shown, agent }: OpenRequest): Caps["parent"] {
  return shown ? { agent, grant: shown.task.grant } : null
}
