/**
 * The ledger: the Durable Object of one task tree, a thin shell round the pure steps `decide`, `openTask` and their
 * like, on a tree whose life tree.ts looks after. Each step is one synchronous transaction: storage first, then memory,
 * no await between reading the state and changing it. The answer leaves only once what it depends on is durable (the
 * object's output gate).
 */
import { DurableObject } from "cloudflare:workers"
import type { Approval, Unanswerable, Vote } from "../approval/approval.ts"
import type { Answering, NotAsked } from "../approval/approvers.ts"
import type { Ask } from "../audit/call-record.ts"
import { askedRecord, openingRecord, type Asking } from "../audit/exchange-record.ts"
import type { ListAsk } from "../audit/listing-record.ts"
import type { DecisionRecord } from "../audit/record.ts"
import type { End } from "../call.ts"
import { checkProof } from "../check/credential.ts"
import { deny, type Denial, type Denied } from "../decision.ts"
import { foresee, mayAnswer, NOT_POLLED, polled, redeem } from "../exchange/consent.ts"
import type { Answer as ConsentAnswer, Consent, Redemption } from "../exchange/consent.ts"
import { openTask, type Opened, type OpenRequest } from "../exchange/open.ts"
import { ANYBODY, takePlace } from "../exchange/openings.ts"
import { isRefused, type Refused } from "../exchange/refusal.ts"
import { LENDING_VERSION } from "../guardrails/lending/lending.ts"
import type { Signal } from "../guardrails/risk.ts"
import { taskAnswered, taskAsked, taskEnded, taskReleased } from "../outbound/notice.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Pointer } from "../policy/bundle.ts"
import { candidateHeld } from "../policy/candidate.ts"
import { userId } from "../policy/facts.ts"
import { bundleHeld, bundleOf } from "../policy/store.ts"
import { LEDGER_VERSION, openedTask } from "./answers.ts"
import type {
  Answer,
  Ended,
  Holder,
  Listed,
  NoBundle,
  OpenedTask,
  Redeemed,
  RefusedCall,
  ShownApproval,
  Waiting,
} from "./answers.ts"
import { Calls } from "./calls.ts"
import { isAlive, isBelow, lineOf, type TreeState, type UserFacts } from "./state.ts"
import { RELEASED } from "./storage.ts"
import { applyOpening, applyRelease, applyRisk, endedBy } from "./transition.ts"
import { Tree } from "./tree.ts"
import { limitsOf, viewOf, type TaskView, type Viewed } from "./view.ts"

interface Redeemable {
  readonly state: TreeState
  readonly consent: Consent
  readonly opened: Opened
  readonly now: number
}

export class Ledger extends DurableObject<Env> {
  readonly #tree: Tree
  #polling = NOT_POLLED
  readonly #calls: Calls

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#tree = new Tree(ctx, env)
    this.#calls = new Calls(this.#tree, env, (work) => ctx.waitUntil(work))
  }

  /**
   * At once where the bundle is at hand, which it nearly always is.
   * @returns JSON: an object would cross with a disposer of its own, which costs several percent of a call
   */
  decide(version: number, pointer: Pointer, ask: Ask): string | Promise<string> {
    const bundle = version === LEDGER_VERSION ? bundleHeld(pointer) : null
    const answer = bundle ? this.#calls.decide(bundle, pointer, ask) : this.#decideLater(version, pointer, ask)
    return answer instanceof Promise ? answer.then((later) => JSON.stringify(later)) : JSON.stringify(answer)
  }

  async #decideLater(version: number, pointer: Pointer, ask: Ask): Promise<Answer | NoBundle> {
    const bundle = await this.#bundle(version, pointer)
    return bundle ? this.#calls.decide(bundle, pointer, ask) : { bundle: "unavailable" }
  }

  async #bundle(version: number, pointer: Pointer): Promise<Bundle | null> {
    return version === LEDGER_VERSION ? bundleOf(this.env.BUNDLES, pointer) : null
  }

  /** A call that was refused before it came here. @returns JSON of `Tried`, or of null: it was not tried */
  tryRefused(version: number, ask: Ask, denial: Denial): string {
    if (version === LEDGER_VERSION) return this.#calls.tryRefused(ask, denial)
    this.#calls.spend(ask)
    return "null"
  }

  /** Its proof is used up. */
  spend(holder: Holder): void {
    this.#calls.spend(holder)
  }

  /** It counts among the denials of its task. */
  async refused(version: number, pointer: Pointer, call: RefusedCall, denial: Denial): Promise<void> {
    const bundle = await this.#bundle(version, pointer)
    if (bundle) this.#calls.refused(bundle, pointer, call, denial)
    else this.#calls.spend(call)
  }

  /** @returns JSON, as of `decide` */
  async may(version: number, pointer: Pointer, ask: ListAsk): Promise<string> {
    const bundle = await this.#bundle(version, pointer)
    const answer: Listed | NoBundle = bundle ? this.#calls.may(bundle, pointer, ask) : { bundle: "unavailable" }
    return JSON.stringify(answer)
  }

  /** A call has ended, as the gateway says that let it through. @returns whether it was known to be under way */
  settle(decision: string, gateway: string): boolean {
    return this.#calls.settle(decision, gateway)
  }

  approvalsOf(task: string): readonly Approval[] | null {
    return this.#calls.approvals.of(task)
  }

  /** Of these questions, those that this person can answer now, and those that are over; null: it is not known who may. */
  async approvalsFor(
    version: number,
    pointer: Pointer,
    ids: readonly string[],
    answering: Answering,
  ): Promise<Waiting | null> {
    const bundle = await this.#newest(version, pointer)
    return bundle && this.#calls.approvals.waitingFor(bundle, ids, answering)
  }

  /** @param answering whom an answer would be by, whether or not they see all that is asked */
  async approval(
    version: number,
    pointer: Pointer,
    asked: { readonly task: string; readonly id: string },
    seesAll: boolean,
    answering: Answering,
  ): Promise<ShownApproval | "unavailable" | null> {
    const bundle = await this.#newest(version, pointer)
    return bundle ? this.#calls.approvals.shown(bundle, asked, seesAll, answering) : "unavailable"
  }

  /** What a person says of a single call; or why that says nothing. */
  async answerApproval(
    version: number,
    pointer: Pointer,
    asked: { readonly task: string; readonly id: string },
    vote: Omit<Vote, "by" | "at">,
    answering: Answering,
    record: DecisionRecord,
  ): Promise<Approval | Unanswerable | NotAsked | "unavailable"> {
    const bundle = await this.#newest(version, pointer)
    return bundle ? this.#calls.approvals.answer(bundle, asked, vote, answering, record) : "unavailable"
  }

  /** Who may answer is said by no older bundle than decided here before. */
  async #newest(version: number, pointer: Pointer): Promise<Bundle | null> {
    const known = this.#tree.state?.bundle
    return this.#bundle(version, known && known.seq > pointer.seq ? known : pointer)
  }

  /** What became of credit (`CreditHolder`). */
  async creditUsed(version: number, ids: string[]): Promise<Record<string, number | null>> {
    // Of another version it is not known what it asks: nothing of it is said to be over.
    if (version !== LENDING_VERSION) return Object.fromEntries(ids.map((id) => [id, null]))
    return this.#tree.credits.usedOf(ids)
  }

  /** @param root the id of this tree, which names this object */
  async open(
    version: number,
    pointer: Pointer,
    root: string,
    request: OpenRequest,
    asking: Asking,
    tried: Pointer | null,
  ): Promise<OpenedTask | Refused | NoBundle> {
    if (version !== LEDGER_VERSION) return { bundle: "unavailable" }
    const bundle = await bundleOf(this.env.BUNDLES, pointer)
    if (!bundle) return { bundle: "unavailable" }
    const isNew = this.#tree.state === null
    if (isNew && request.parent) return { refused: { reason: "parent_token_unknown" } }
    if (isNew && request.task !== null) return { refused: { reason: "task_unknown", what: request.task } }
    // A root is opened once: its id is made for the request, so a second opening would be a forgery or a defect.
    if (!isNew && !request.parent && request.task === null) throw new Error("this tree is open already")
    const state = this.#tree.state ?? this.#tree.begin(root, request.user, request.since, pointer)
    if (pointer.seq < state.bundle.seq) return { bundle: "stale", newest: state.bundle }
    const now = this.#tree.now(state)
    const opened = openTask(bundle, state, request, now)
    if (isRefused(opened)) return opened
    const candidate = tried && candidateHeld(this.env.BUNDLES, tried, now, (work) => this.ctx.waitUntil(work))
    const would = candidate && this.#calls.shadow.opening(candidate, state, request, opened, now)
    this.#tree.transact(true, () => {
      if (isNew) this.#tree.storage.saveTree(state)
      if (pointer.seq > state.bundle.seq) this.#tree.storage.saveBundle(pointer)
      this.#tree.storage.saveOpening(opened.opening, now)
      this.#tree.outbox.keep(this.#tree.numbered(openingRecord(opened, state.user, pointer, asking, would, now)))
    })
    state.bundle = pointer
    applyOpening(state, opened.opening, now)
    this.#tree.state = state
    if (isNew) await this.#tree.keepUntil(opened.task.expiresAt)
    return openedTask(opened, state, now)
  }

  /** A task that waits for a person's consent: it opens nothing, and is gone when that comes too late. */
  async ask(
    version: number,
    pointer: Pointer,
    root: string,
    consent: Consent,
    asking: Asking,
  ): Promise<{ readonly task: string } | Refused | NoBundle> {
    const bundle = version === LEDGER_VERSION ? await bundleOf(this.env.BUNDLES, pointer) : null
    if (!bundle) return { bundle: "unavailable" }
    if (this.#tree.state) throw new Error("this tree is open already")
    const state = this.#tree.begin(root, consent.user, null, pointer)
    const foreseen = foresee(bundle, state, consent, this.#tree.now(state))
    if (isRefused(foreseen)) return foreseen
    const { task, life } = foreseen
    const kept = { ...consent, life }
    state.consent = kept
    state.tasks.set(root, task)
    this.#tree.transact(true, () => {
      this.#tree.storage.saveTree(state)
      this.#tree.storage.saveConsent(kept)
      this.#tree.storage.savePending(task)
      this.#tree.notices.keep(taskAsked(task, consent, asking.decisionId, state.clock))
      this.#tree.outbox.keep(this.#tree.numbered(askedRecord(task, consent, pointer, asking, state.clock)))
    })
    this.#tree.state = state
    await this.#tree.keepUntil(consent.expiresAt)
    return { task: root }
  }

  /**
   * What the person is asked, with the task as it would be at most, or was when they answered; null where it is not
   * theirs, or came to nothing.
   */
  consentFor(person: UserFacts): { readonly consent: Consent; readonly task: TaskView } | null {
    const state = this.#tree.state
    if (!state?.consent) return null
    const { consent } = state
    const now = this.#tree.now(state)
    const [task] = viewOf(state, state.root, now)
    const isTheirAnswer = consent.answer !== null && userId(consent.answer.person) === userId(person)
    return task && (isTheirAnswer || mayAnswer(state, consent, person, now)) ? { consent, task } : null
  }

  /** What the person says. @returns false where they are not asked, or not any more */
  answer(answer: ConsentAnswer, record: DecisionRecord): boolean {
    const state = this.#tree.state
    const now = state ? this.#tree.now(state) : 0
    if (!state?.consent || !mayAnswer(state, state.consent, answer.person, now)) return false
    const consent = { ...state.consent, answer }
    const end = answer.approved ? null : ({ task: state.root, status: "revoked", by: "rejection" } as const)
    const ended = end ? endedBy(state, end) : []
    this.#tree.transact(true, () => {
      this.#tree.storage.saveConsent(consent)
      if (end) this.#tree.storage.saveEnd(ended, end)
      const task = state.tasks.get(state.root)
      if (task) this.#tree.notices.keep(taskAnswered(task, consent, answer.approved, record.id, now))
      this.#tree.outbox.keep(this.#tree.numbered(record))
    })
    state.consent = consent
    if (end) this.#tree.end(state, ended, end)
    return true
  }

  /** The token for what a person has consented to, once. */
  async redeem(
    version: number,
    pointer: Pointer,
    redemption: Redemption,
    asking: Omit<Asking, "audience">,
  ): Promise<Redeemed | Refused | NoBundle> {
    const bundle = version === LEDGER_VERSION ? await bundleOf(this.env.BUNDLES, pointer) : null
    if (!bundle) return { bundle: "unavailable" }
    const first = this.#judge(bundle, pointer, redemption)
    if (!("opened" in first)) return first
    const { agent, user: whom } = first.consent
    // It had a place while it was pending; from now on for as long as it lives.
    const until = first.opened.task.expiresAt
    const place = await takePlace(first.state.root, agent, userId(whom), until, bundle, { env: this.env })
    if (isRefused(place)) return place
    // Meanwhile it may have been redeemed, or ended: only this one counts, and nothing comes between it and what
    // follows.
    const judged = this.#judge(bundle, pointer, redemption)
    if (!("opened" in judged)) {
      // Another redemption may need the place; what has ended does not.
      if (this.#tree.hasEnded(first.state)) this.#tree.giveBack(agent, userId(whom), first.state.root)
      return judged
    }
    const { state, consent, opened, now } = judged
    const redeemed = { ...consent, isRedeemed: true }
    const { audience } = consent
    const user = opened.opening.session?.user ?? null
    this.#tree.transact(true, () => {
      if (pointer.seq > state.bundle.seq) this.#tree.storage.saveBundle(pointer)
      this.#tree.storage.saveConsent(redeemed)
      this.#tree.storage.saveOpening(opened.opening, now)
      this.#tree.outbox.keep(
        this.#tree.numbered(openingRecord(opened, user, pointer, { ...asking, audience }, null, now)),
      )
    })
    state.bundle = pointer
    state.consent = redeemed
    applyOpening(state, opened.opening, now)
    this.#tree.giveBack(consent.agent, ANYBODY, state.root)
    return { opened: openedTask(opened, state, now), audience }
  }

  #judge(bundle: Bundle, pointer: Pointer, redemption: Redemption): Redeemable | Refused | NoBundle {
    const state = this.#tree.state
    if (!state?.consent) return { refused: { reason: "consent_unknown" } }
    if (pointer.seq < state.bundle.seq) return { bundle: "stale", newest: state.bundle }
    const now = this.#tree.now(state)
    const { consent } = state
    const opened = redeem(bundle, state, consent, redemption, this.#polling, now)
    if (!isRefused(opened)) return { state, consent, opened, now }
    this.#polling = polled(this.#polling, opened, now)
    return opened
  }

  /**
   * Ends a task and its subtree, or freezes it; once this has answered, no call of theirs is admitted.
   * @param by whose task it has to be, or null for an operator
   * @param record of this, kept with it
   * @returns why its proof is not taken; how the task has ended and the ids that this changed, or null where there is
   *   no such task for the asker
   */
  end(asked: End, by: Holder | null, record: DecisionRecord): Ended | Denied | null {
    const state = this.#tree.state
    const found = state?.tasks.get(asked.task)
    if (!state || !found) return null
    const refused = by && this.#checkHolder(state, by, asked.task)
    if (refused !== null) return refused === "stranger" ? null : refused
    // What is frozen is a person's to look at, not its agent's to close.
    if (by && found.status === "quarantined") return null
    const ids = endedBy(state, asked)
    const cause = { decision: record.id, operator: by ? null : record.operator, denial: null }
    const now = this.#tree.now(state)
    this.#tree.transact(true, () => {
      this.#tree.storage.saveEnd(ids, asked)
      this.#tree.notices.keep(taskEnded(state, ids, asked, cause, now))
      this.#tree.outbox.keep(this.#tree.numbered(record))
    })
    this.#tree.end(state, ids, asked)
    return { status: found.status, ended: ids }
  }

  /** Lets a task go on that was frozen. @returns false where there is none, or none that is frozen */
  release(task: string, record: DecisionRecord): boolean {
    const state = this.#tree.state
    const found = state?.tasks.get(task)
    if (!state || found?.status !== "quarantined") return false
    const now = this.#tree.now(state)
    this.#tree.transact(true, () => {
      this.#tree.storage.saveEnd([task], RELEASED)
      this.#tree.storage.forgetStorms(state, task)
      this.#tree.notices.keep(taskReleased(state, found, record.id, record.operator, now))
      this.#tree.outbox.keep(this.#tree.numbered(record))
    })
    applyRelease(found)
    return true
  }

  /**
   * What is told of a task, for it and all below it; once this has answered, every call of theirs is judged by it.
   * @param told but for its time, which is now; null: nothing any more
   * @returns false where there is no such task
   */
  rate(task: string, told: Omit<Signal, "at"> | null, record: DecisionRecord): boolean {
    const state = this.#tree.state
    if (!state?.tasks.has(task)) return false
    const signal = told && { ...told, at: this.#tree.now(state) }
    this.#tree.transact(true, () => {
      this.#tree.storage.saveRisk(task, signal)
      this.#tree.outbox.keep(this.#tree.numbered(record))
    })
    applyRisk(state, task, signal)
    return true
  }

  /** Whether the token would open calls now, as far as this ledger knows, and may be asked about by this agent. */
  isActive(jti: string, task: string, agent: string): boolean {
    const state = this.#tree.state
    const token = state?.tokens.get(jti)
    if (!state || token?.task !== task) return false
    const now = this.#tree.now(state)
    const line = lineOf(state, task)
    // Its own agent, and those that work is done for.
    return isAlive(state, line, now) && now < token.expiresAt && line.some((each) => each.agent === agent)
  }

  /**
   * Ends a token, not its task (RFC 7009 2.1): once this has answered, it opens nothing.
   * @param agent whose token it has to be; null: an operator asks
   * @returns false where there is none, or another agent's
   */
  revokeToken(jti: string, task: string, agent: string | null, record: DecisionRecord): boolean {
    const state = this.#tree.state
    const token = state?.tokens.get(jti)
    if (!state || token?.task !== task) return false
    if (agent !== null && state.tasks.get(task)?.agent !== agent) return false
    this.#tree.transact(true, () => {
      this.#tree.storage.forgetToken(jti)
      this.#tree.outbox.keep(this.#tree.numbered(record))
    })
    state.tokens.delete(jti)
    return true
  }

  /**
   * The task and those below it with their gauges, or null where there is no such task for the asker.
   * @param by whose task it has to be, or null for an operator
   * @returns why its proof is not taken
   */
  async view(version: number, pointer: Pointer, task: string, by: Holder | null): Promise<Viewed | Denied | null> {
    if (!this.#tree.state?.tasks.has(task)) return null
    const bundle = await this.#newest(version, pointer)
    const state = this.#tree.state
    if (!state?.tasks.has(task)) return null
    const refused = by && this.#checkHolder(state, by, task)
    if (refused !== null) return refused === "stranger" ? null : refused
    const now = this.#tree.now(state)
    return { tasks: viewOf(state, task, now), limits: bundle && limitsOf(bundle, state, task, by === null, now) }
  }

  /** Whether a token that is live here reaches the task: its own, or one below it. Its proof is used by this. */
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

  override async alarm(): Promise<void> {
    await this.#tree.lookAfter()
  }
}
