/** What every way of opening a task shares: its request, its result, and the token that each issues. */
import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { AgentDefinition } from "../policy/definition/agents.ts"
import type { UserFacts } from "../policy/principals.ts"
import type { Extension } from "./extension.ts"
import type { OpenRequest } from "./open-request.ts"
import { hasLiveInstance } from "./isolation.ts"
import { inherited, type Carried } from "./labels.ts"
import { outliveSession } from "./offline.ts"
import type { Shares } from "./shares.ts"
import { whyEnded, type TreeState } from "./state.ts"
import type { IssuedToken, Task, TaskLimit, TokenLimit } from "./task.ts"
import { tokenWords, type TokenWords } from "./token-scope.ts"
import type { HistoryKey } from "../guardrails/history-key.ts"

/** No token lives longer, whatever the registry says: a stolen one is worth at most this. */
export const MAX_TOKEN_LIFE_MS = 900_000

export interface Opening {
  /** Null if a token is renewed and no task is opened. */
  readonly task: Task | null
  /** The tree's user by a fresher session, and when that session was given. Null if unchanged. */
  readonly session: { readonly user: UserFacts; readonly since: number } | null
  readonly token: { readonly jti: string } & IssuedToken
  /** What the session changes of the token's task. Null: nothing. */
  readonly extension: Extension | null
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
  /** The grant as the token states it. */
  readonly words: TokenWords
  readonly ends: Ends
}

/** When a token and its task end, and which bound comes first. */
export interface Ends {
  readonly token: Bound<TokenLimit>
  readonly task: Bound<TaskLimit>
}

export interface Bound<By extends string> {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly by: By
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

/**
 * This many tasks of a tree are a loop, ended ones included, and no tree needs this many live tokens. The agent of the
 * root answers for the tree and may have all of it. Another has at most half, so that it does not take the tree away
 * from those who have delegated to it, and all others leave some tokens, so that the root can always renew its own.
 */
export const MAX_TASKS_OF_TREE = {
  tree: 256,
  agent: 128,
} as const
export const MAX_TOKENS_OF_TREE = {
  tree: 1_024,
  agent: 512,
  others: 768,
} as const

/**
 * All that is alive must fit one object. A task takes about six kilobytes; `trees` of agents.yaml permits an agent no
 * more root tasks than this.
 */
export const MAX_LIVE_TASKS = {
  agent: 10_000,
  ledger: 16_000,
} as const

/**
 * A task of a few tools takes a kilobyte or two, one with 75 tools and the longest details some ten. All live tasks must
 * be read before a ledger that wakes answers.
 */
export const MAX_LIVE_BYTES = {
  agent: 16 * 1_048_576,
  ledger: 32 * 1_048_576,
} as const

/** Why the agent cannot have so many bytes more among these, which tasks of its own take. */
export function bytesFullness(shares: Shares, agent: HistoryKey, bytes: number, now: number): OAuthFailure | null {
  if (!shares.isFull(agent, MAX_LIVE_BYTES, now, bytes)) return null
  return tooMany("ledger", shares.firstOf(agent) ?? now, now)
}

/** Why no token can be issued to the agent in this tree. What has expired is dropped before (`applyExpiry`). */
export function fullness(state: TreeState, agent: HistoryKey, now: number): OAuthFailure | null {
  const until = fullUntil(state, agent)
  if (until !== null) return tooMany("tree", until, now)
  const ledgerUntil = state.ledger.liveTokens.fullUntil(agent)
  return ledgerUntil === null ? null : tooMany("ledger", ledgerUntil, now)
}

/** Milliseconds since the epoch, when the first of those tokens expires that leave no room for one more. */
function fullUntil({ tasks, tokens, root }: TreeState, agent: HistoryKey): number | null {
  const { tree, agent: ofAgent, others: ofOthers } = MAX_TOKENS_OF_TREE
  if (tokens.size < ofAgent) return null
  const agentOf = ({ task }: IssuedToken): HistoryKey | undefined => tasks.get(task)?.historyKey
  const rootAgent = tasks.get(root)?.historyKey
  const all = [...tokens.values()]
  const others = agent === rootAgent ? [] : all.filter((token) => agentOf(token) !== rootAgent)
  const own = others.filter((token) => agentOf(token) === agent)
  const full = [own.length >= ofAgent && own, others.length >= ofOthers && others, all.length >= tree && all]
  const times = full.flatMap((each) => (each ? Math.min(...each.map(({ expiresAt }) => expiresAt)) : []))
  return times.length === 0 ? null : Math.max(...times)
}

/** Why no task can be opened for the agent, in this tree or in its ledger. */
export function taskFullness({ tasks, root, ledger }: TreeState, agent: HistoryKey, now: number): OAuthFailure | null {
  const { liveTasks } = ledger
  const first = tasks.get(root)
  if (first && tasks.size >= MAX_TASKS_OF_TREE.agent) {
    const own = [...tasks.values()].filter((task) => task.historyKey === agent).length
    const isFull =
      tasks.size >= MAX_TASKS_OF_TREE.tree || (agent !== first.historyKey && own >= MAX_TASKS_OF_TREE.agent)
    // Ended tasks are remembered, so nothing makes room before the tree ends.
    if (isFull) return tooMany("tree", first.expiresAt, now)
  }
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

interface Issuing extends Pick<Opening, "session" | "extension">, Pick<IssuedToken, "scope"> {}

/**
 * Issues every token. Its audience is one for which each task of the ancestry was opened (RFC 8707, section 2.2).
 * Consent for one resource server is no authority at another, and a child stays within its parent's audiences.
 * @param task the new one, or null for a renewal; `ancestry` begins with the task of the token
 */
export function issue(
  { bundle, state, request, agent, now }: Step,
  task: Task | null,
  ancestry: readonly [Task, ...Task[]],
  { session = null, extension = null, ...narrower }: Partial<Issuing> = {},
): Opened | OAuthFailure {
  const [owner] = ancestry
  const { audience } = request
  const differing = ancestry.find(({ audiences }) => !audiences.includes(audience))
  if (differing) return oauthError({ reason: "audience_differs", audience, expected: differing.audiences })
  const life = Math.min(agent.life * 1000, MAX_TOKEN_LIFE_MS)
  const end = extension ?? owner
  // The session that was last brought may end sooner than the one by which the task's end was set.
  const lastSessionEnd = request.sessionExpiresAt ?? (session ?? state).user?.until
  const sessionEnd = outliveSession(ancestry, state, bundle) ? null : lastSessionEnd
  if (typeof sessionEnd === "number" && sessionEnd <= now) {
    return oauthError({ reason: "parent_ended", task: owner.id, state: "expired" })
  }
  const ends: Ends = {
    token: firstBound<TokenLimit>(["agent_life", now + life], ["task", end.expiresAt], ["session", sessionEnd]),
    task: { at: end.expiresAt, by: end.limitedBy },
  }
  const { at: expiresAt } = ends.token
  const token = { jti: request.token, task: owner.id, expiresAt, jkt: request.jkt, issuedAt: now, ...narrower }
  const words = tokenWords(narrower, owner, bundle.catalog.tools)
  const chain = ancestry.map((each) => each.agent).toReversed()
  const carried = task === null ? [] : inherited(state, task, ancestry.slice(1), now)
  const isFresh = task !== null && task.isolated && !hasLiveInstance(state.ledger, task, now)
  return { opening: { task, token, session, extension, carried, isFresh }, task: owner, audience, chain, words, ends }
}

/** Of several at the same time, the first. */
export function firstBound<By extends string>(
  [by, at]: readonly [By, number],
  ...others: readonly (readonly [By, number | null | undefined])[]
): Bound<By> {
  let first: Bound<By> = { at, by }
  for (const [name, time] of others) if (typeof time === "number" && time < first.at) first = { at: time, by: name }
  return first
}

export function earliest(...times: readonly (number | null | undefined)[]): number | null {
  const given = times.filter((time) => time !== null && time !== undefined)
  return given.length === 0 ? null : Math.min(...given)
}
