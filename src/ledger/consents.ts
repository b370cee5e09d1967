/**
 * A person's consent in the ledger of its task: requested, answered, redeemed once, and its token renewed by refresh
 * tokens. Each is one step of this object. A step that notices that a code or a refresh token was stolen ends the task
 * at once.
 */
import { consentRecord, openingRecord, type RequestStamp } from "../core/record/token-record.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import { isSame } from "../core/encoding/constant-time.ts"
import { firstOf, rotateRefresh, misused, misuseOfCode } from "../core/task/authorization-code.ts"
import {
  previewTask,
  mayAnswer,
  NOT_POLLED,
  pollingAfter,
  openConsented,
  requestForConsented,
  unknownConsent,
  type ConsentedRequest,
  type Polling,
} from "../core/task/consent.ts"
import type { Redemption } from "../core/task/consent.ts"
import { bytesOf, openingsOf, whyFull } from "../core/task/openings.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../core/denials/oauth-error.ts"
import { consentDecided, consentRequested } from "../core/notices/notice.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { userId, type UserFacts } from "../core/policy/principals.ts"
import { mayBeFor, unknownAudience } from "../core/task/audience.ts"
import { type OpenedTask, openedTask } from "../core/task/opened-task.ts"
import { bytesFullness, type Opened } from "../core/task/opening-step.ts"
import type { ConsentResponse, Consent } from "../core/task/pending-consent.ts"
import { renewRoot } from "../core/task/renew.ts"
import type { PageAnswer, ConsentOutcome, NoBundle, Refresh } from "./protocol.ts"
import { endAndRecord } from "./end-task.ts"
import { endMisused, revokeTokens } from "./misuse.ts"
import { quarantinedRelative, type TreeState } from "../core/task/state.ts"
import { applyBundle, applyOpening, dropExpiredTokens, endedBy } from "../core/task/transition.ts"
import type { Trees } from "./trees.ts"
import { viewOf, type TaskView } from "../core/task/view.ts"
import { historyKeyOf } from "../core/guardrails/history-key.ts"

/** A consent that can be redeemed, and what is to be opened for it. */
export interface Redeemable {
  readonly root: string
  readonly consent: Consent
  readonly request: ConsentedRequest
}

export class Consents {
  readonly #trees: Trees
  readonly #pollings = new WeakMap<TreeState, Polling>()

  constructor(trees: Trees) {
    this.#trees = trees
  }

  /**
   * What the answer of a consent page finds here, by the hash of its code's secret. A page opens one task: a second
   * answer that says the same finds the code of the first one while that code is still valid.
   */
  answered(root: string, secretHash: string): PageAnswer {
    const state = this.#trees.of(root)
    if (!state) return "not yet"
    const { consent } = state
    const isSameCode = consent?.code !== undefined && isSame(consent.secretHash, secretHash)
    const now = this.#trees.now(state)
    const waits = state.tasks.get(state.root)?.status === "pending"
    return isSameCode && waits && now < consent.expiresAt ? "same" : "otherwise"
  }

  /**
   * A task that waits for a person's consent, or for the client to which they have given it: it opens nothing yet.
   * @param underWay requests of its agent that count, though they are not stored yet
   */
  async ask(
    bundle: Bundle,
    pointer: Pointer,
    root: string,
    consent: Consent,
    stamp: RequestStamp,
    underWay = 0,
  ): Promise<ConsentOutcome | OAuthFailure | NoBundle> {
    if (this.#trees.of(root))
      return this.answered(root, consent.secretHash) === "same" ? { task: root } : { answered: true }
    const state = this.#trees.newTreeState(root, consent.user, null, pointer, bundle.guardrails)
    const { ledger } = state
    if (pointer.seq < ledger.bundle.seq) return { bundle: "stale", newest: ledger.bundle }
    dropExpiredTokens(state, historyKeyOf(consent.agent), this.#trees.now(state))
    const foreseen = previewTask(bundle, state, consent, ledger.clock)
    if (isOAuthFailure(foreseen)) return foreseen
    const { task, life } = foreseen
    const stored = { ...consent, life }
    state.consent = stored
    const full =
      whyFull(openingsOf(state), bundle, consent.agent, ledger.clock, underWay) ??
      bytesFullness(bytesOf(state), task.historyKey, task.bytes, ledger.clock)
    if (full) return full
    state.tasks.set(root, task)
    this.#trees.transaction(true, () => {
      this.#trees.storage.saveTree(state)
      if (pointer.seq > ledger.bundle.seq) this.#trees.storage.saveBundle(ledger, pointer, bundle.guardrails)
      this.#trees.storage.trees.saveConsent(state, stored)
      this.#trees.storage.trees.saveTask(task)
      // A person at their browser has been asked there.
      if (!consent.answer) this.#trees.notices.keep(consentRequested(task, consent, stamp.decisionId, ledger.clock))
      this.#trees.keepRecord(state, consentRecord(task, consent, pointer, stamp, ledger.clock))
    })
    applyBundle(ledger, pointer, bundle.guardrails)
    openingsOf(state).add(task)
    bytesOf(state).add(task.historyKey, task.id, task.expiresAt, task.bytes)
    this.#trees.hold(state)
    await this.#trees.keepAlarm(state)
    return { task: root }
  }

  /**
   * What the person is asked, with the task as it would be at most, or as it was when they answered. Null if the
   * consent is not theirs, or has expired.
   */
  consentFor(root: string, person: UserFacts): { readonly consent: Consent; readonly task: TaskView } | null {
    const state = this.#trees.of(root)
    if (!state?.consent) return null
    const { consent } = state
    const now = this.#trees.now(state)
    const [task] = viewOf(state, state.root, now)
    const isTheirAnswer = consent.answer !== null && userId(consent.answer.person) === userId(person)
    return task && (isTheirAnswer || mayAnswer(state, consent, person, now)) ? { consent, task } : null
  }

  /**
   * Records the person's answer.
   * @returns false if they are not asked, or are no longer asked
   */
  answer(root: string, answer: ConsentResponse, record: DecisionRecord): boolean {
    const state = this.#trees.of(root)
    const now = state ? this.#trees.now(state) : 0
    if (!state?.consent || !mayAnswer(state, state.consent, answer.person, now)) return false
    const consent = { ...state.consent, answer }
    const end = answer.approved ? null : ({ task: state.root, status: "revoked", by: "rejection" } as const)
    const ended = end ? endedBy(state, end) : []
    this.#trees.transaction(true, () => {
      this.#trees.storage.trees.saveConsent(state, consent)
      if (end) this.#trees.storage.trees.saveEnd(ended, end)
      const task = state.tasks.get(state.root)
      if (task) this.#trees.notices.keep(consentDecided(task, consent, answer.approved, record.id, now))
      this.#trees.keepRecord(state, record)
    })
    state.consent = consent
    if (end) this.#trees.end(state, ended, end)
    return true
  }

  /** Issues the token for what a person has consented to at their browser, once. */
  redeem(
    bundle: Bundle,
    pointer: Pointer,
    { root, consent, request }: Redeemable,
    { token, shown }: Redemption,
    stamp: RequestStamp,
  ): OpenedTask | OAuthFailure | NoBundle {
    const state = this.#trees.of(root)
    if (!state) return oauthError({ reason: "consent_unknown" })
    const now = this.#trees.now(state)
    dropExpiredTokens(state, historyKeyOf(request.agent), now)
    const opened = openConsented(bundle, state, request, now)
    if (isOAuthFailure(opened)) return opened
    const redeemed = {
      ...consent,
      isRedeemed: true,
      ...(shown && { refreshing: firstOf(shown.refresh, token) }),
    }
    this.#keepOpening(state, redeemed, opened, [], bundle, pointer, stamp, now)
    return openedTask(opened, state, now)
  }

  /** The task goes on in the ledger of its person, which has recorded that. */
  markRedeemed(state: TreeState, consent: Consent): void {
    const redeemed = { ...consent, isRedeemed: true }
    this.#trees.transaction(true, () => this.#trees.storage.trees.saveConsent(state, redeemed))
    const root = state.tasks.get(state.root)
    if (root) {
      openingsOf(state).end(root)
      bytesOf(state).remove(root.historyKey, root.id)
    }
    state.consent = redeemed
  }

  /** Issues one more token of the task for a refresh token, which another one replaces in the same step. */
  refresh(
    bundle: Bundle,
    pointer: Pointer,
    root: string,
    refresh: Refresh,
    stamp: RequestStamp,
  ): OpenedTask | OAuthFailure | NoBundle {
    const state = this.#trees.of(root)
    const consent = state?.consent
    if (!state || !consent) return misused("unknown")
    const { agent } = refresh
    const now = this.#trees.now(state)
    const redeemable = rotateRefresh(consent, refresh, state.tasks.get(state.root)?.jkt ?? null, now)
    if ("misuse" in redeemable) return endMisused(this.#trees, state, consent, redeemable.misuse, agent, now)
    if (isOAuthFailure(redeemable)) return redeemable
    const { bundle: newest } = state.ledger
    if (pointer.seq < newest.seq) return { bundle: "stale", newest }
    const audience = refresh.audience ?? consent.audience
    // By the current registry, as for its first token.
    if (!mayBeFor(bundle, agent, audience)) return unknownAudience(audience, bundle)
    dropExpiredTokens(state, historyKeyOf(agent), now)
    const opened = renewRoot(bundle, state, { ...refresh, audience }, now)
    if (isOAuthFailure(opened)) return opened
    const { refreshing, lost } = redeemable
    this.#keepOpening(state, { ...consent, refreshing }, opened, lost, bundle, pointer, stamp, now)
    return openedTask(opened, state, now)
  }

  /**
   * Ends the task of this refresh token (RFC 7009, section 2.1), unless it or a task below it is quarantined: then it
   * stays for an operator to look at, and every token of its tree is revoked instead.
   * @returns false if there is no such task of this agent, or if it has ended before: otherwise the holder of a dead
   *   token could write one record after another in the agent's name
   */
  revokeRefreshTokens(root: string, family: string, agent: string, record: DecisionRecord): boolean {
    const state = this.#trees.of(root)
    if (!state?.consent || state.consent.agent !== agent || state.consent.refreshing?.family !== family) return false
    const ofTree = { ...record, task: state.root }
    const end = { task: state.root, status: "revoked", by: "abort" } as const
    const isFrozen = quarantinedRelative(state, state.root, this.#trees.now(state)) !== undefined
    if (isFrozen) revokeTokens(this.#trees, state, state.consent, ofTree)
    else if (endedBy(state, end).length > 0) endAndRecord(this.#trees, state, end, null, ofTree)
    else {
      this.#trees.end(state, [], end)
      return false
    }
    return true
  }

  /** @param lost `jti` of the tokens that end by it */
  #keepOpening(
    state: TreeState,
    consent: Consent,
    opened: Opened,
    lost: readonly string[],
    { guardrails }: Bundle,
    pointer: Pointer,
    stamp: RequestStamp,
    now: number,
  ): void {
    const { ledger } = state
    const user = opened.opening.session?.user ?? state.user
    this.#trees.transaction(true, () => {
      if (pointer.seq > ledger.bundle.seq) this.#trees.storage.saveBundle(ledger, pointer, guardrails)
      this.#trees.storage.trees.saveConsent(state, consent)
      this.#trees.saveOpening(state, opened.opening, lost)
      this.#trees.keepRecord(state, openingRecord(opened, user, pointer, stamp, null, now))
    })
    applyBundle(ledger, pointer, guardrails)
    state.consent = consent
    for (const jti of lost) ledger.liveTokens.drop(state, jti)
    applyOpening(state, opened.opening, now)
  }

  /** What is to be opened for the consent; or why nothing is, now or ever. */
  redeemable(
    bundle: Bundle,
    pointer: Pointer,
    root: string,
    redemption: Redemption,
  ): Redeemable | OAuthFailure | NoBundle {
    const state = this.#trees.of(root)
    if (!state?.consent) return unknownConsent(redemption)
    const now = this.#trees.now(state)
    const { consent } = state
    const misuse = misuseOfCode(consent, redemption)
    if (misuse !== null) return endMisused(this.#trees, state, consent, misuse, redemption.agent, now)
    const { bundle: newest } = state.ledger
    if (pointer.seq < newest.seq) return { bundle: "stale", newest }
    const polling = this.#pollings.get(state) ?? NOT_POLLED
    const request = requestForConsented(bundle, state, consent, redemption, polling, now)
    if (!isOAuthFailure(request)) return { root, consent, request }
    this.#pollings.set(state, pollingAfter(polling, request, now))
    return request
  }
}
