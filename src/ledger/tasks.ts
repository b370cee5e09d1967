/**
 * The tasks of a tree and their tokens: opened, ended, quarantined and released, rated and shown, each in one step.
 * Calls are in calls.ts, and what waits for a person's consent is in consents.ts.
 */
import type { BearerToken } from "../audit/edge-recorder.ts"
import { openingRecord, type Asking } from "../core/record/token-record.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import { checkAlive, checkProof, checkToken } from "../core/decision/check-credential.ts"
import { deny, type Denied } from "../core/denials/denial.ts"
import { openTask } from "../core/task/open.ts"
import { isOAuthFailure, type OAuthFailure } from "../core/denials/oauth-error.ts"
import type { Signal } from "../core/guardrails/risk.ts"
import { taskReleased } from "../core/notices/notice.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { candidateHeld } from "../bundles/candidate.ts"
import type { Holder } from "../core/decision/call.ts"
import { userId } from "../core/policy/principals.ts"
import type { TaskEnd } from "../core/task/change.ts"
import type { OpenRequest } from "../core/task/open-request.ts"
import { openedTask, type OpenedTask } from "../core/task/opened-task.ts"
import { type Ended, type EndedBefore, type Frozen, type NoBundle } from "./protocol.ts"
import { endTold } from "./end-task.ts"
import type { Shadow } from "./shadow.ts"
import { frozenAround, isAlive, isBelow, ancestryOf, mayGoOn, type TreeState } from "../core/task/state.ts"
import type { TaskStatus } from "../core/task/task.ts"
import { RELEASED } from "./storage.ts"
import { applyBundle, applyOpening, applyRelease, applyRisk, endedBy } from "../core/task/transition.ts"
import type { Tree } from "./tree.ts"
import { limitsOf, openView, viewOf, type Viewed } from "../core/task/view.ts"

export class Tasks {
  readonly #tree: Tree
  readonly #env: Env
  readonly #shadow: Shadow
  readonly #background: (work: Promise<unknown>) => void

  constructor(tree: Tree, env: Env, shadow: Shadow, background: (work: Promise<unknown>) => void) {
    this.#tree = tree
    this.#env = env
    this.#shadow = shadow
    this.#background = background
  }

  /** @param root the id of this tree, which names this object */
  async open(
    bundle: Bundle,
    pointer: Pointer,
    root: string,
    request: OpenRequest,
    asking: Asking,
    shadowResult: Pointer | null,
  ): Promise<OpenedTask | OAuthFailure | NoBundle> {
    const isNew = this.#tree.state === null
    if (isNew && request.parent) return { refused: { reason: "parent_token_unknown" } }
    if (isNew && request.task !== null) return { refused: { reason: "task_unknown", what: request.task } }
    // A root is opened once: its id is made for the request, so a second opening would be a forgery or a defect.
    if (!isNew && !request.parent && request.task === null) throw new Error("this tree is open already")
    const state =
      this.#tree.state ?? this.#tree.newTreeState(root, request.user, request.since, pointer, bundle.guardrails)
    if (pointer.seq < state.bundle.seq) return { bundle: "stale", newest: state.bundle }
    const now = this.#tree.now(state)
    const opened = openTask(bundle, state, request, now)
    if (isOAuthFailure(opened)) return opened
    const candidate = shadowResult && candidateHeld(this.#env.BUNDLES, shadowResult, now, this.#background)
    const would = candidate && this.#shadow.opening(candidate, state, request, opened, now)
    this.#tree.transaction(true, () => {
      if (isNew) this.#tree.storage.saveTree(state)
      if (pointer.seq > state.bundle.seq) this.#tree.storage.saveBundle(state, pointer, bundle.guardrails)
      this.#tree.storage.saveOpening(opened.opening, now)
      this.#tree.outbox.keep(this.#tree.withNumber(openingRecord(opened, state.user, pointer, asking, would, now)))
    })
    applyBundle(state, pointer, bundle.guardrails)
    applyOpening(state, opened.opening, now)
    this.#tree.state = state
    if (isNew) await this.#tree.keepUntil(opened.task.expiresAt)
    return openedTask(opened, state, now)
  }

  /**
   * Ends a task and its subtree, or quarantines it; once this has returned, none of their calls is admitted.
   * @param by the agent whose task it has to be; null for an operator
   * @param record of this step, stored with it
   * @returns why its proof is rejected; which quarantined task prevents the end; how the task has ended and the ids
   *   that this changed; how it had ended before, if an agent repeats the request, which stores no record: the holder
   *   of a dead token could write one after another; or null if the caller has no such task
   */
  end(end: TaskEnd, by: Holder | null, record: DecisionRecord): Ended | EndedBefore | Frozen | Denied | null {
    const state = this.#tree.state
    const found = state?.tasks.get(end.task)
    if (!state || !found) return null
    const refused = by && this.#checkHolder(state, by, end.task)
    if (refused !== null) return refused === "stranger" ? null : refused
    // An operator has to look at a quarantined task: neither its own agent nor that of an ancestor may close it.
    const now = this.#tree.now(state)
    const frozen = by && frozenAround(state, end.task, now)
    const isLive = by !== null && isAlive(state, ancestryOf(state, state.tokens.get(by.token)?.task ?? ""), now)
    if (frozen) return { frozen: frozen.id, isLive }
    if (by && endedBy(state, end).length === 0) {
      this.#tree.end(state, [], end)
      return { status: found.status, isLive }
    }
    // A task that waits for a person's consent stays as it is: the Worker rejects the request, and records that.
    if (end.status === "quarantined" && found.status === "pending") return { status: found.status, ended: [] }
    const ended = by
      ? endTold(this.#tree, state, end, null, record)
      : endTold(this.#tree, state, end, record.operator, doneTo(state, end.task, record))
    return { status: found.status, ended }
  }

  /**
   * Releases a quarantined task. If an ancestor has ended since, the task ends as well.
   * @returns its status then; null if there is no such task, or it is not quarantined
   */
  release(task: string, record: DecisionRecord): TaskStatus | null {
    const state = this.#tree.state
    const found = state?.tasks.get(task)
    if (!state || found?.status !== "quarantined") return null
    const now = this.#tree.now(state)
    const above = ancestryOf(state, task).find(({ status }) => status === "completed" || status === "revoked")
    if (above && (above.status === "completed" || above.status === "revoked")) {
      const end = { task, status: above.status, by: "operator" } as const
      endTold(this.#tree, state, end, record.operator, doneTo(state, task, record))
      return above.status
    }
    this.#tree.transaction(true, () => {
      this.#tree.storage.saveEnd([task], RELEASED)
      this.#tree.storage.forgetStorms(state, task)
      this.#tree.notices.keep(taskReleased(state, found, record.id, record.operator, now))
      this.#tree.outbox.keep(this.#tree.withNumber(doneTo(state, task, record)))
    })
    applyRelease(found)
    return found.status
  }

  /**
   * Sets the reported risk of a task and all tasks below it. Once this has returned, it applies to every call of
   * theirs.
   * @param report without its time, which is now; null: the report is withdrawn
   * @returns false if there is no such task
   */
  rate(task: string, report: Omit<Signal, "at"> | null, record: DecisionRecord): boolean {
    const state = this.#tree.state
    if (!state?.tasks.has(task)) return false
    const signal = report && { ...report, at: this.#tree.now(state) }
    this.#tree.transaction(true, () => {
      this.#tree.storage.saveRisk(task, signal)
      this.#tree.outbox.keep(this.#tree.withNumber(doneTo(state, task, record)))
    })
    applyRisk(state, task, signal)
    return true
  }

  /** Whether the token would open calls now, as far as this ledger knows, and this agent may introspect it. */
  isActive(jti: string, task: string, agent: string): boolean {
    const state = this.#tree.state
    const token = state?.tokens.get(jti)
    if (!state || token?.task !== task) return false
    const now = this.#tree.now(state)
    const ancestry = ancestryOf(state, task)
    // Its own agent, and the agents for which that one works.
    return isAlive(state, ancestry, now) && now < token.expiresAt && ancestry.some((each) => each.agent === agent)
  }

  /** Whether the token opens anything, as for a call of this very agent. */
  isLive({ jti, task, agent }: BearerToken): boolean {
    const { state } = this.#tree
    if (!state) return false
    const now = this.#tree.now(state)
    const ancestry = ancestryOf(state, task)
    const unusable = checkAlive(state, ancestry, now) ?? checkToken(state, { task, token: jti, proof: null }, now)
    return unusable === null && ancestry[0]?.agent === agent
  }

  /**
   * Ends a token, not its task (RFC 7009, section 2.1): once this has returned, the token opens nothing.
   * @param agent whose token it has to be; null for an operator
   * @returns false if there is no such token, or it is another agent's
   */
  revokeToken(jti: string, task: string, agent: string | null, record: DecisionRecord): boolean {
    const state = this.#tree.state
    const token = state?.tokens.get(jti)
    if (!state || token?.task !== task) return false
    if (agent !== null && state.tasks.get(task)?.agent !== agent) return false
    this.#tree.transaction(true, () => {
      this.#tree.storage.forgetToken(jti)
      this.#tree.outbox.keep(this.#tree.withNumber(agent === null ? doneTo(state, task, record) : record))
    })
    state.tokens.delete(jti)
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
    const state = this.#tree.state
    if (!state?.tasks.has(task)) return null
    const refused = by && this.#checkHolder(state, by, task)
    if (refused !== null) return refused === "stranger" ? null : refused
    const now = this.#tree.now(state)
    const ancestry = by ? ancestryOf(state, state.tokens.get(by.token)?.task ?? "") : []
    const ended = by && !mayGoOn(state, ancestry, now) ? checkAlive(state, ancestry, now) : null
    if (ended) return deny(ended)
    const tasks = openView(viewOf(state, task, now), state, bundle, by && (ancestry[0]?.agent ?? null))
    return { tasks, limits: bundle && limitsOf(bundle, state, task, by === null, now) }
  }

  /** Whether a token that is live here covers the task: its own, or one below it. This uses its proof. */
  #checkHolder(state: TreeState, { token: jti, proof }: Holder, task: string): Denied | "stranger" | null {
    const token = state.tokens.get(jti)
    const now = this.#tree.now(state)
    const reaches = token && (token.task === task || isBelow(task, token.task))
    if (!reaches || token.jkt !== (proof?.jkt ?? null) || now >= token.expiresAt) return "stranger"
    const refused = proof && checkProof(state, proof, now)
    if (refused) return deny(refused)
    if (proof) state.proofs.admit(proof.jti)
    this.#tree.boundProofs(state, now)
    return null
  }
}

/** Only the ledger knows the agents and the user of a task, so it adds them to the record of an operator's action. */
function doneTo(state: TreeState, task: string, record: DecisionRecord): DecisionRecord {
  const chain = ancestryOf(state, task).map(({ agent }) => agent)
  return { ...record, chain: chain.toReversed(), user: state.user && userId(state.user) }
}
