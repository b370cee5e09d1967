/**
 * A person's consent in the ledger of its task: requested, answered, redeemed once, and its token renewed by refresh
 * tokens. Each is one step of this object. A step that notices that a code or a refresh token was stolen ends the task
 * at once.
 */
import { askedRecord, misuseRecord, openingRecord, type Asking } from "../core/record/token-record.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import { isSame } from "../core/encoding/constant-time.ts"
import { firstOf, judgeRefresh, misused, misuseOfCode } from "../core/task/authorization-code.ts"
import { previewTask, mayAnswer, NOT_POLLED, polled, redeem, unknownTo } from "../core/task/consent.ts"
import type { Redemption } from "../core/task/consent.ts"
import { ANY_USER, reserveSlot } from "./task-quota.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../core/denials/oauth-error.ts"
import { taskAnswered, taskAsked } from "../core/notices/notice.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { userId, type UserFacts } from "../core/policy/principals.ts"
import { mayBeFor, unknownAudience } from "../core/task/audience.ts"
import { type OpenedTask, openedTask } from "../core/task/opened-task.ts"
import type { Opened } from "../core/task/opening-step.ts"
import type { ConsentResponse, Consent } from "../core/task/pending-consent.ts"
import { renewRoot } from "../core/task/renew.ts"
import type { Answered, AskOutcome, NoBundle, Refresh } from "./protocol.ts"
import { endTold } from "./end-task.ts"
import { frozenAround, ancestryOf, type TreeState } from "../core/task/state.ts"
import { applyBundle, applyOpening, endedBy } from "../core/task/transition.ts"
import type { Tree } from "./tree.ts"
import { viewOf, type TaskView } from "../core/task/view.ts"
import { newId } from "../platform/new-id.ts"

interface Redeemable {
  readonly state: TreeState
  readonly consent: Consent
  readonly opened: Opened
  readonly now: number
}

export class Consents {
  readonly #tree: Tree
  readonly #env: Env
  #polling = NOT_POLLED

  constructor(tree: Tree, env: Env) {
    this.#tree = tree
    this.#env = env
  }

  /**
   * What the answer of a consent page finds here, by the hash of its code's secret. A page opens one task: a second
   * answer that says the same finds the code of the first one while that code is still valid.
   */
  answered(secretHash: string): Answered {
    const state = this.#tree.state
    if (!state) return "not yet"
    const { consent } = state
    const isSameCode = consent?.code !== undefined && isSame(consent.secretHash, secretHash)
    const now = this.#tree.now(state)
    const waits = state.tasks.get(state.root)?.status === "pending"
    return isSameCode && waits && now < consent.expiresAt ? "same" : "otherwise"
  }

  /** A task that waits for a person's consent, or for the client to which they have given it: it opens nothing yet. */
  async ask(
    bundle: Bundle,
    pointer: Pointer,
    root: string,
    consent: Consent,
    asking: Asking,
  ): Promise<AskOutcome | OAuthFailure | NoBundle> {
    if (this.#tree.state) return this.answered(consent.secretHash) === "same" ? { task: root } : { answered: true }
    const state = this.#tree.newTreeState(root, consent.user, null, pointer, bundle.guardrails)
    const foreseen = previewTask(bundle, state, consent, this.#tree.now(state))
    if (isOAuthFailure(foreseen)) return foreseen
    const { task, life } = foreseen
    const stored = { ...consent, life }
    state.consent = stored
    state.tasks.set(root, task)
    this.#tree.transaction(true, () => {
      this.#tree.storage.saveTree(state)
      this.#tree.storage.saveConsent(stored)
      this.#tree.storage.savePending(task)
      // A person at their browser has been asked there.
      if (!consent.answer) this.#tree.notices.keep(taskAsked(task, consent, asking.decisionId, state.clock))
      this.#tree.outbox.keep(this.#tree.withNumber(askedRecord(task, consent, pointer, asking, state.clock)))
    })
    this.#tree.state = state
    await this.#tree.keepUntil(consent.expiresAt)
    return { task: root }
  }

  /**
   * What the person is asked, with the task as it would be at most, or as it was when they answered. Null if the
   * consent is not theirs, or has expired.
   */
  askedOf(person: UserFacts): { readonly consent: Consent; readonly task: TaskView } | null {
    const state = this.#tree.state
    if (!state?.consent) return null
    const { consent } = state
    const now = this.#tree.now(state)
    const [task] = viewOf(state, state.root, now)
    const isTheirAnswer = consent.answer !== null && userId(consent.answer.person) === userId(person)
    return task && (isTheirAnswer || mayAnswer(state, consent, person, now)) ? { consent, task } : null
  }

  /**
   * Records the person's answer.
   * @returns false if they are not asked, or are no longer asked
   */
  answer(answer: ConsentResponse, record: DecisionRecord): boolean {
    const state = this.#tree.state
    const now = state ? this.#tree.now(state) : 0
    if (!state?.consent || !mayAnswer(state, state.consent, answer.person, now)) return false
    const consent = { ...state.consent, answer }
    const end = answer.approved ? null : ({ task: state.root, status: "revoked", by: "rejection" } as const)
    const ended = end ? endedBy(state, end) : []
    this.#tree.transaction(true, () => {
      this.#tree.storage.saveConsent(consent)
      if (end) this.#tree.storage.saveEnd(ended, end)
      const task = state.tasks.get(state.root)
      if (task) this.#tree.notices.keep(taskAnswered(task, consent, answer.approved, record.id, now))
      this.#tree.outbox.keep(this.#tree.withNumber(record))
    })
    state.consent = consent
    if (end) this.#tree.end(state, ended, end)
    return true
  }

  /** Issues the token for what a person has consented to, once. */
  async redeem(
    bundle: Bundle,
    pointer: Pointer,
    redemption: Redemption,
    asking: Asking,
  ): Promise<OpenedTask | OAuthFailure | NoBundle> {
    const first = this.#judge(bundle, pointer, redemption)
    if (!("opened" in first)) return first
    const { agent, user: whom } = first.consent
    // The task had a slot while it was pending; from now on it has one for as long as it lives.
    const until = first.opened.task.expiresAt
    const place = await reserveSlot(first.state.root, agent, userId(whom), until, bundle, { env: this.#env }, "renewed")
    if (isOAuthFailure(place)) return place
    // Meanwhile it may have been redeemed, or ended. This check counts, as nothing comes between it and what follows.
    const judged = this.#judge(bundle, pointer, redemption)
    if (!("opened" in judged)) {
      // Another redemption may need the slot; a task that has ended does not.
      if (this.#tree.hasEnded(first.state)) this.#tree.releaseSlot(agent, userId(whom), first.state.root)
      return judged
    }
    const { state, consent, opened, now } = judged
    const refresh = redemption.shown?.refresh
    const redeemed = {
      ...consent,
      isRedeemed: true,
      ...(refresh && { refreshing: firstOf(refresh, redemption.token) }),
    }
    this.#keepOpening(state, redeemed, opened, [], bundle, pointer, asking, now)
    // A consent at the person's browser is not listed in their inbox.
    if (!consent.code) this.#tree.releaseSlot(consent.agent, ANY_USER, state.root)
    return openedTask(opened, state, now)
  }

  /** Issues one more token of the task for a refresh token, which another one replaces in the same step. */
  refresh(bundle: Bundle, pointer: Pointer, refresh: Refresh, asking: Asking): OpenedTask | OAuthFailure | NoBundle {
    const state = this.#tree.state
    const consent = state?.consent
    if (!state || !consent) return misused("unknown")
    const { agent, scope } = refresh
    const now = this.#tree.now(state)
    const judged = judgeRefresh(consent, refresh, state.tasks.get(state.root)?.jkt ?? null, now)
    if ("misuse" in judged) return this.#endMisused(state, consent, judged.misuse, agent, now)
    if (isOAuthFailure(judged)) return judged
    if (pointer.seq < state.bundle.seq) return { bundle: "stale", newest: state.bundle }
    const audience = refresh.audience ?? consent.audience
    // By the current registry, as for its first token.
    if (!mayBeFor(bundle, agent, audience)) return unknownAudience(audience, bundle)
    const opened = renewRoot(bundle, state, { ...refresh, audience }, now)
    if (isOAuthFailure(opened)) return opened
    if (scope !== null && !isSameScope(scope, opened.task.scope)) return oauthError({ reason: "renewal_differs" })
    const { refreshing, lost } = judged
    this.#keepOpening(state, { ...consent, refreshing }, opened, lost, bundle, pointer, asking, now)
    return openedTask(opened, state, now)
  }

  /**
   * Ends the task of this refresh token (RFC 7009, section 2.1), unless it or a task below it is quarantined: then it
   * stays for an operator to look at, and every token of its tree is revoked instead.
   * @returns false if there is no such task of this agent, or if it has ended before: otherwise the holder of a dead
   *   token could write one record after another in the agent's name
   */
  revokeRefreshTokens(family: string, agent: string, record: DecisionRecord): boolean {
    const state = this.#tree.state
    if (!state?.consent || state.consent.agent !== agent || state.consent.refreshing?.family !== family) return false
    const ofTree = { ...record, task: state.root }
    const end = { task: state.root, status: "revoked", by: "abort" } as const
    const isFrozen = frozenAround(state, state.root, this.#tree.now(state)) !== undefined
    if (isFrozen) this.#revokeTokens(state, state.consent, ofTree)
    else if (endedBy(state, end).length > 0) endTold(this.#tree, state, end, null, ofTree)
    else {
      this.#tree.end(state, [], end)
      return false
    }
    return true
  }

  /** Whatever becomes of the tasks, the tokens that were issued so far open nothing. */
  #revokeTokens(
    state: TreeState,
    { refreshing: _refreshing, ...consent }: Consent,
    record: DecisionRecord | null,
  ): void {
    this.#tree.transaction(true, () => {
      this.#tree.storage.saveConsent(consent)
      this.#tree.storage.forgetTokens()
      if (record) this.#tree.outbox.keep(this.#tree.withNumber(record))
    })
    state.consent = consent
    state.tokens.clear()
  }

  /** @param lost `jti` of the tokens that end by it */
  #keepOpening(
    state: TreeState,
    consent: Consent,
    opened: Opened,
    lost: readonly string[],
    { guardrails }: Bundle,
    pointer: Pointer,
    asking: Asking,
    now: number,
  ): void {
    const user = opened.opening.session?.user ?? state.user
    this.#tree.transaction(true, () => {
      if (pointer.seq > state.bundle.seq) this.#tree.storage.saveBundle(state, pointer, guardrails)
      this.#tree.storage.saveConsent(consent)
      for (const jti of lost) this.#tree.storage.forgetToken(jti)
      this.#tree.storage.saveOpening(opened.opening, now)
      this.#tree.outbox.keep(this.#tree.withNumber(openingRecord(opened, user, pointer, asking, null, now)))
    })
    applyBundle(state, pointer, guardrails)
    state.consent = consent
    for (const jti of lost) state.tokens.delete(jti)
    applyOpening(state, opened.opening, now)
  }

  #judge(bundle: Bundle, pointer: Pointer, redemption: Redemption): Redeemable | OAuthFailure | NoBundle {
    const state = this.#tree.state
    if (!state?.consent) return unknownTo(redemption)
    const now = this.#tree.now(state)
    const { consent } = state
    const misuse = misuseOfCode(consent, redemption)
    if (misuse !== null) return this.#endMisused(state, consent, misuse, redemption.agent, now)
    if (pointer.seq < state.bundle.seq) return { bundle: "stale", newest: state.bundle }
    const opened = redeem(bundle, state, consent, redemption, this.#polling, now)
    if (!isOAuthFailure(opened)) return { state, consent, opened, now }
    this.#polling = polled(this.#polling, opened, now)
    return opened
  }

  /**
   * The task that came of it, or would have, ends with all tasks below it, whoever presented it. A quarantined task
   * stays for an operator to look at, but what was issued for it opens nothing any more, not even after its release.
   */
  #endMisused(state: TreeState, consent: Consent, misuse: string, by: string, now: number): OAuthFailure {
    const end = { task: state.root, status: "revoked", by: "misuse" } as const
    const hasAuthority = consent.refreshing !== undefined || state.tokens.size > 0
    const isFrozen = state.tasks.get(state.root)?.status === "quarantined"
    if (endedBy(state, end).length > 0 || (isFrozen && hasAuthority)) {
      const chain = ancestryOf(state, state.root).map(({ agent }) => agent)
      const record = misuseRecord(newId("dec", now), state, chain, by, consent.audience, misuse, now)
      if (isFrozen) this.#revokeTokens(state, consent, null)
      endTold(this.#tree, state, end, null, record)
    }
    return misused(misuse)
  }
}

/** A refresh takes the task as it is; its scopes may be repeated in any order (RFC 6749, section 6). */
function isSameScope(requested: string, granted: string): boolean {
  const words = new Set(requested.split(" ").filter((word) => word !== ""))
  const ours = new Set(granted.split(" "))
  return words.size === ours.size && words.isSubsetOf(ours)
}
