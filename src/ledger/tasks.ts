/**
 * The tasks of a tree and their tokens: opened, ended, quarantined and released, rated and shown, each in one step.
 * Calls are in calls.ts, and what waits for a person's consent is in consents.ts.
 */
import type { BearerToken } from "../audit/edge-recorder.ts"
import { openingRecord, type RequestStamp } from "../core/record/token-record.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import { checkTaskAlive } from "../core/decision/check-credential.ts"
import { deny, type Denied } from "../core/denials/denial.ts"
import { openTask } from "../core/task/open.ts"
import { isRequest, whyFull } from "../core/task/openings.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../core/denials/oauth-error.ts"
import type { Signal } from "../core/guardrails/risk.ts"
import { taskReleased } from "../core/notices/notice.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { cachedCandidate } from "../bundles/candidate.ts"
import type { Holder } from "../core/decision/call.ts"
import type { TaskEnd } from "../core/task/change.ts"
import { continuedTree, continueTask } from "../core/task/continuation.ts"
import { clearing, clearLabels } from "../core/task/labels.ts"
import type { OpenRequest } from "../core/task/open-request.ts"
import { openedTask, type OpenedTask } from "../core/task/opened-task.ts"
import { checkHolder } from "./check-holder.ts"
import { untoldOf, type AgentLedgers, type Untold } from "./agent-ledgers.ts"
import type { EndResult, NoBundle, RatingResult } from "./protocol.ts"
import { doneTo, endAndRecord } from "./end-task.ts"
import { isForNobody, type Partitions } from "./partitions.ts"
import type { Shadow } from "./shadow.ts"
import { reportsWith, setReports } from "../core/task/risks.ts"
import { quarantinedRelative, isAlive, ancestryOf, mayContinue } from "../core/task/state.ts"
import type { TaskStatus } from "../core/task/task.ts"
import { RELEASED } from "./tree-storage.ts"
import { applyBundle, applyOpening, applyRelease, dropExpiredTokens, endedBy } from "../core/task/transition.ts"
import type { Trees } from "./trees.ts"
import { limitsOf, openView, viewOf, type Viewed } from "../core/task/view.ts"
import { historyKeyOf } from "../core/guardrails/history-key.ts"

/** The first is the id of the tree. */
export type ToOpen = [root: string, OpenRequest, RequestStamp, shadowResult: Pointer | null]

export class Tasks {
  readonly #trees: Trees
  readonly #others: AgentLedgers
  readonly #partitions: Partitions
  readonly #env: Env
  readonly #shadow: Shadow
  readonly #background: (work: Promise<unknown>) => void

  constructor(
    trees: Trees,
    others: AgentLedgers,
    partitions: Partitions,
    env: Env,
    shadow: Shadow,
    background: (work: Promise<unknown>) => void,
  ) {
    this.#trees = trees
    this.#others = others
    this.#partitions = partitions
    this.#env = env
    this.#shadow = shadow
    this.#background = background
  }

  async open(bundle: Bundle, pointer: Pointer, ...asked: ToOpen): Promise<OpenedTask | OAuthFailure | NoBundle> {
    const [, request] = asked
    // The step follows at once: nothing can change in between.
    const refused = isForNobody(request) ? await this.#partitions.ready(bundle, pointer, request) : null
    if (refused) return refused
    const step = async (mayTell: boolean): Promise<OpenedTask | OAuthFailure | NoBundle | Untold> =>
      this.#open(mayTell, bundle, pointer, ...asked)
    return this.#others.tellBefore(step(true), step)
  }

  /** @param mayTell otherwise a task that has to tell other ledgers of its agent's labels is refused */
  async #open(
    mayTell: boolean,
    bundle: Bundle,
    pointer: Pointer,
    ...[root, request, stamp, shadowResult]: ToOpen
  ): Promise<OpenedTask | OAuthFailure | NoBundle | Untold> {
    const existing = this.#trees.of(root)
    if (!existing && request.parent) return { refused: { reason: "parent_token_unknown" } }
    if (!existing && request.task !== null) return { refused: { reason: "task_unknown", what: request.task } }
    // A root is opened once. Its id is made for the request, so a second opening would be a forgery or a defect; except
    // that a person's consent, which gives the task its id, can be redeemed several times at once.
    if (existing && !request.parent && request.task === null) {
      if (request.shown) return oauthError({ reason: "consent_unknown" })
      throw new Error("this tree is open already")
    }
    const asked = existing ?? this.#trees.newTreeState(root, request.user, request.since, pointer, bundle.guardrails)
    const { ledger } = asked
    if (pointer.seq < ledger.bundle.seq) return { bundle: "stale", newest: ledger.bundle }
    const now = this.#trees.now(asked)
    const agent = historyKeyOf(request.agent)
    dropExpiredTokens(asked, agent, now)
    const first = openTask(bundle, asked, request, now)
    if (isOAuthFailure(first)) return first
    const continued = existing ? null : continuedTree(ledger, request, first, now)
    if (continued) dropExpiredTokens(continued, agent, now)
    const opened = continued ? continueTask(bundle, continued, request, first, now) : first
    if (isOAuthFailure(opened)) return opened
    const state = continued ?? asked
    const isNew = existing === null && continued === null
    const full = isNew && whyFull(ledger.openings, bundle, request.agent, now)
    if (full) return full
    const untold = untoldOf(state, opened.opening.carried)
    if (untold.length > 0) return mayTell ? { untold } : oauthError({ reason: "unavailable" })
    const candidate = shadowResult && cachedCandidate(this.#env.BUNDLES, shadowResult, now, this.#background)
    const would = candidate && this.#shadow.opening(candidate, state, request, opened, now)
    this.#trees.transaction(true, () => {
      if (isNew) this.#trees.storage.saveTree(state)
      if (pointer.seq > ledger.bundle.seq) this.#trees.storage.saveBundle(ledger, pointer, bundle.guardrails)
      this.#trees.saveOpening(state, opened.opening)
      const record = openingRecord(opened, state.user, pointer, stamp, would, now)
      this.#trees.keepRecord(state, record)
    })
    applyBundle(ledger, pointer, bundle.guardrails)
    applyOpening(state, opened.opening, now)
    this.#trees.hold(state)
    if (isNew) await this.#trees.keepAlarm(state)
    return openedTask(opened, state, now)
  }

  /**
   * Ends a task and its subtree, or quarantines it; once this has returned, none of their calls is admitted.
   * @param by the agent whose task it has to be; null for an operator
   * @param record of this step, stored with it
   * @returns why its proof is rejected; which quarantined task prevents the end; how the task has ended and the ids
   *   that this changed; how it had ended before, if an agent repeats the request, which stores no record: the holder
   *   of a dead token could write one after another; or null if the caller has no such task, or one to quarantine has expired
   */
  end(end: TaskEnd, by: Holder | null, record: DecisionRecord): EndResult {
    const state = this.#trees.of(end.task)
    const found = state?.tasks.get(end.task)
    if (!state || !found) return null
    const refused = by && checkHolder(state, by, end.task, this.#trees.now(state))
    if (refused !== null) return refused === "stranger" ? null : refused
    // An operator has to look at a quarantined task: neither its own agent nor that of an ancestor may close it.
    const now = this.#trees.now(state)
    const frozen = by && quarantinedRelative(state, end.task, now)
    const isLive = by !== null && isAlive(state, ancestryOf(state, state.tokens.get(by.token)?.task ?? ""), now)
    if (frozen) return { frozen: frozen.id, isLive }
    if (by && endedBy(state, end).length === 0) {
      this.#trees.end(state, [], end)
      return { status: found.status, isLive }
    }
    // A task that waits for a person's consent stays as it is: the Worker rejects the request, and records that.
    if (end.status === "quarantined" && found.status === "pending") return { status: found.status, ended: [] }
    if (end.status === "quarantined" && now >= found.expiresAt) return null
    const ended = by
      ? endAndRecord(this.#trees, state, end, null, record)
      : endAndRecord(this.#trees, state, end, record.operator, doneTo(state, end.task, record))
    return { status: found.status, ended }
  }

  /**
   * Releases a quarantined task. If an ancestor has ended since, the task ends as well.
   * @returns its status then; null if there is no such task, or it is not quarantined, or has expired
   */
  release(task: string, record: DecisionRecord): TaskStatus | null {
    const state = this.#trees.of(task)
    const found = state?.tasks.get(task)
    if (!state || found?.status !== "quarantined") return null
    const now = this.#trees.now(state)
    if (now >= found.expiresAt) return null
    const above = ancestryOf(state, task).find(({ status }) => status === "completed" || status === "revoked")
    if (above && (above.status === "completed" || above.status === "revoked")) {
      const end = { task, status: above.status, by: "operator" } as const
      endAndRecord(this.#trees, state, end, record.operator, doneTo(state, task, record))
      return above.status
    }
    this.#trees.transaction(true, () => {
      this.#trees.storage.trees.saveEnd([task], RELEASED)
      this.#trees.storage.memories.forgetStorms(state, task)
      this.#trees.notices.keep(taskReleased(state, found, record.id, record.operator, now))
      this.#trees.keepRecord(state, doneTo(state, task, record))
    })
    applyRelease(state.ledger, found)
    this.#trees.recentEnds.forget(found.id)
    return found.status
  }

  /**
   * Clears labels of the task's tree, and of what the agents of its chain carry. Only a person does that, by an operator:
   * an agent that could would launder what it has read.
   * @param only these labels; null: all
   * @returns those that are cleared; null if there is no such task
   */
  clearLabels(task: string, only: readonly string[] | null, record: DecisionRecord): readonly string[] | null {
    const state = this.#trees.of(task)
    if (!state?.tasks.has(task)) return null
    // What its agent carries in this ledger belongs to what it does for nobody.
    const ancestry = isRequest(state) ? [] : ancestryOf(state, task)
    const change = clearing(state, ancestry, only, this.#trees.now(state))
    this.#trees.transaction(true, () => {
      this.#trees.storage.labels.clear(state, change)
      this.#trees.keepRecord(state, { ...doneTo(state, task, record), labels: change.labels })
    })
    clearLabels(state, change)
    return change.labels
  }

  /**
   * Sets the risk that was reported of a task. Once this has returned, it applies to every call of its agent for the
   * user, and of those to whom the agent delegates.
   * @param report without its time, which is now; null: what was reported of the agent's tasks is withdrawn
   */
  rate(task: string, report: Omit<Signal, "at"> | null, record: DecisionRecord): RatingResult {
    const state = this.#trees.of(task)
    const found = state?.tasks.get(task)
    if (!state || !found) return "unknown"
    // Here it would apply to what the agent does for nobody.
    if (isRequest(state)) return found.status === "pending" ? "pending" : "unknown"
    const { historyKey: agent } = found
    const now = this.#trees.now(state)
    const signal = report && { ...report, at: now }
    const reports = reportsWith(state.ledger.risks, agent, task, signal, now)
    this.#trees.transaction(true, () => {
      this.#trees.storage.saveRisks(agent, reports)
      this.#trees.keepRecord(state, doneTo(state, task, record))
    })
    setReports(state.ledger.risks, agent, reports)
    return "rated"
  }

  /** Whether the token would open calls now, as far as this ledger knows, and this agent may introspect it. */
  isActive(jti: string, task: string, agent: string): boolean {
    const state = this.#trees.of(task)
    const token = state?.tokens.get(jti)
    if (!state || token?.task !== task) return false
    const now = this.#trees.now(state)
    const ancestry = ancestryOf(state, task)
    // Its own agent, and the agents for which that one works.
    return isAlive(state, ancestry, now) && now < token.expiresAt && ancestry.some((each) => each.agent === agent)
  }

  /**
   * Until when the token opens, or opened, anything, as for a call of this very agent.
   * @returns milliseconds since the epoch; 0 if it never did, or nobody knows any more
   */
  liveUntil({ jti, task, agent }: BearerToken): number {
    const state = this.#trees.of(task)
    if (!state) return 0
    const { recentEnds } = this.#trees
    const revoked = recentEnds.of(jti)
    const token = state.tokens.get(jti) ?? revoked?.token
    const ancestry = ancestryOf(state, task)
    if (!token || token.task !== task || token.jkt !== null) return 0
    if (ancestry.at(-1)?.id !== state.root || ancestry[0]?.agent !== agent) return 0
    const ends = ancestry.flatMap(({ id, status, expiresAt, idle, lastCall }) => [
      expiresAt,
      idle === null ? expiresAt : lastCall + idle,
      status === "active" ? expiresAt : (recentEnds.of(id)?.at ?? 0),
    ])
    return Math.min(token.expiresAt, revoked?.at ?? token.expiresAt, ...ends)
  }

  /**
   * Ends a token, not its task (RFC 7009, section 2.1): once this has returned, the token opens nothing.
   * @param agent whose token it has to be; null for an operator
   * @returns false if there is no such token, or it is another agent's
   */
  revokeToken(jti: string, task: string, agent: string | null, record: DecisionRecord): boolean {
    const state = this.#trees.of(task)
    const token = state?.tokens.get(jti)
    if (!state || token?.task !== task) return false
    if (agent !== null && state.tasks.get(task)?.agent !== agent) return false
    this.#trees.transaction(true, () => {
      this.#trees.storage.trees.forgetTokens(state, [jti])
      this.#trees.keepRecord(state, agent === null ? doneTo(state, task, record) : record)
    })
    state.ledger.liveTokens.drop(state, jti)
    this.#trees.recentEnds.add(jti, this.#trees.now(state), token)
    return true
  }

  /**
   * The task and those below it with their gauges, or null if the caller has no such task. A token reads nothing once
   * its task has ended, because its holder has no more business with what the tree does. The agent of a quarantined
   * task can see whether an operator has released it.
   * @param by the agent whose task it has to be; null for an operator
   * @returns why its token or its proof is rejected
   */
  view(bundle: Bundle | null, task: string, by: Holder | null): Viewed | Denied | null {
    const state = this.#trees.of(task)
    if (!state?.tasks.has(task)) return null
    const refused = by && checkHolder(state, by, task, this.#trees.now(state))
    if (refused !== null) return refused === "stranger" ? null : refused
    const now = this.#trees.now(state)
    const ancestry = by ? ancestryOf(state, state.tokens.get(by.token)?.task ?? "") : []
    const ended = by && !mayContinue(state, ancestry, now) ? checkTaskAlive(state, ancestry, now) : null
    if (ended) return deny(ended)
    const tasks = openView(viewOf(state, task, now), state, bundle, by && (ancestry[0]?.agent ?? null))
    return { tasks, limits: bundle && limitsOf(bundle, state, task, by === null, now) }
  }
}
