/** What every way of opening a task shares: its request, its result, and the token that each issues. */
import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { AgentDefinition } from "../policy/definition/agents.ts"
import type { UserFacts } from "../policy/principals.ts"
import type { OpenRequest } from "./open-request.ts"
import { hasLiveInstance } from "./isolation.ts"
import { inherited, type Carried } from "./labels.ts"
import { whyEnded, type LedgerState, type TreeState } from "./state.ts"
import type { IssuedToken, Task } from "./task.ts"

/** No token lives longer, whatever the registry says: a stolen one is worth at most this. */
export const MAX_TOKEN_LIFE_MS = 900_000

export interface Opening {
  /** Null if a token is renewed and no task is opened. */
  readonly task: Task | null
  /** The tree's user by a fresher session, and when that session was given. Null if unchanged. */
  readonly session: { readonly user: UserFacts; readonly since: number } | null
  readonly token: { readonly jti: string } & IssuedToken
  /** Labels that the agent carries from now on because it joins the tree. */
  readonly carried: readonly Carried[]
  /** Whether it is the only live task of an instance that is isolated: what an earlier one has read is not known. */
  readonly isFresh: boolean
}

export interface Opened {
  readonly opening: Opening
  readonly task: Task
  /** Of the token. */
  readonly audience: string
  /** The token's chain, root first. */
  readonly chain: readonly string[]
}

/** The input of every way of opening. */
export interface Step {
  readonly bundle: Bundle
  readonly state: TreeState
  readonly request: OpenRequest
  readonly agent: AgentDefinition
  readonly now: number
}

/** A live task that a token of the request names, and its ancestry, itself first. */
export interface Parent {
  readonly task: Task
  readonly ancestry: readonly Task[]
  readonly token: IssuedToken
}

/** This many tasks of a tree are a loop, and no tree needs this many live tokens. */
export const MAX_TASKS_OF_TREE = 256
export const MAX_TOKENS_OF_TREE = 1_024

/**
 * All that is alive must fit one object. A task takes about six kilobytes; `trees` of agents.yaml permits an agent no
 * more root tasks than this.
 */
export const MAX_LIVE_TASKS = {
  agent: 10_000,
  ledger: 16_000,
} as const

/**
 * Why no token can be issued to the agent, or no task opened for it, in this tree. What has expired is dropped before
 * (`applyExpiry`).
 */
export function fullness({ tasks, tokens, ledger }: TreeState, agent: string, now: number): OAuthFailure | null {
  if (tasks.size >= MAX_TASKS_OF_TREE || tokens.size >= MAX_TOKENS_OF_TREE) return tooMany("tree", now + 60_000, now)
  const until = ledger.liveTokens.fullUntil(agent)
  return until === null ? null : tooMany("ledger", until, now)
}

/** Why no task can be opened for the agent in this ledger, whichever tree it is for. */
export function taskFullness({ liveTasks }: LedgerState, agent: string, now: number): OAuthFailure | null {
  return liveTasks.isFull(agent, MAX_LIVE_TASKS, now) ? tooMany("ledger", liveTasks.firstOf(agent) ?? now, now) : null
}

function tooMany(what: "tree" | "ledger", until: number, now: number): OAuthFailure {
  return oauthError({ reason: "too_many_tasks", what, retry_after: Math.max(1, Math.ceil((until - now) / 1000)) })
}

export function ended(ancestry: readonly Task[], now: number): OAuthFailure | null {
  for (const task of ancestry) {
    const state = whyEnded(task, now)
    if (state !== null) return oauthError({ reason: "parent_ended", task: task.id, state })
  }
  return null
}

/**
 * Issues every token. Its audience is one for which each task of the ancestry was opened (RFC 8707, section 2.2).
 * Consent for one resource server is no authority at another, and a child stays within its parent's audiences.
 * @param task the new one, or null for a renewal; `ancestry` begins with the task of the token
 */
export function issue(
  { state, request, agent, now }: Step,
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
  const token = { jti: request.token, task: owner.id, expiresAt, jkt: request.jkt, issuedAt: now }
  const chain = ancestry.map((each) => each.agent).toReversed()
  const carried = task === null ? [] : inherited(state, task, ancestry.slice(1), now)
  const isFresh = task !== null && task.isolated && !hasLiveInstance(state.ledger, task, now)
  return { opening: { task, token, session, carried, isFresh }, task: owner, audience, chain }
}

export function earliest(...times: readonly (number | null | undefined)[]): number | null {
  const given = times.filter((time) => time !== null && time !== undefined)
  return given.length === 0 ? null : Math.min(...given)
}
