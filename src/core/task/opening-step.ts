/** What every way of opening a task shares: its request, its result, and the token that each issues. */
import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { AgentDefinition } from "../policy/definition/agents.ts"
import type { UserFacts } from "../policy/principals.ts"
import type { OpenRequest } from "./open-request.ts"
import { whyEnded, type TreeState } from "./state.ts"
import type { IssuedToken, Task } from "./task.ts"

/** No token lives longer, whatever the registry says (DESIGN §4). */
const MAX_TOKEN_LIFE_MS = 900_000

export interface Opening {
  /** Null if a token is renewed and no task is opened. */
  readonly task: Task | null
  /** The tree's user by a fresher session, and when that session was given. Null if unchanged. */
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

/** A tree must fit one object: this many tasks are a loop, and no agent needs this many live tokens. */
const MAX_TASKS = 256

const MAX_TOKENS = 1_024

export function fullness({ tasks, tokens }: TreeState, now: number): OAuthFailure | null {
  const live = [...tokens.values()].filter(({ expiresAt }) => now < expiresAt)
  if (tasks.size < MAX_TASKS && live.length < MAX_TOKENS) return null
  return oauthError({ reason: "too_many_tasks", what: "tree", retry_after: 60 })
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

export function earliest(...times: readonly (number | null | undefined)[]): number | null {
  const given = times.filter((time) => time !== null && time !== undefined)
  return given.length === 0 ? null : Math.min(...given)
}
