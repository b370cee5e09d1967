/**
 * The ledger: the Durable Object of one task tree, a thin shell round the pure steps `decide`, `openTask` and
 * `applyEnd`. Each step is one synchronous transaction: storage first, then memory, no await between reading the state
 * and changing it. The answer leaves only once what it depends on is durable (the object's output gate).
 */
import { DurableObject } from "cloudflare:workers"
import { recordDecision, type Ask } from "../audit/call-record.ts"
import { askedRecord, openingRecord, type Asking } from "../audit/exchange-record.ts"
import { recordListing, type ListAsk } from "../audit/listing-record.ts"
import type { DecisionRecord } from "../audit/record.ts"
import { checkProof, decide, type End } from "../decide.ts"
import { deny, type Denied } from "../decision.ts"
import { foresee, mayAnswer, NOT_POLLED, polled, redeem } from "../exchange/consent.ts"
import type { Answer as ConsentAnswer, Consent, Redemption } from "../exchange/consent.ts"
import { openTask, type OpenRequest } from "../exchange/open.ts"
import { ANYBODY, openingsOf } from "../exchange/openings.ts"
import { isRefused, type Refused } from "../exchange/refusal.ts"
import { logEvent } from "../log.ts"
import { may } from "../may.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Pointer } from "../policy/bundle.ts"
import { userId } from "../policy/facts.ts"
import { bundleHeld, bundleOf } from "../policy/store.ts"
import { LEDGER_VERSION, openedTask, STRANGER } from "./answers.ts"
import type { Answer, Ended, Holder, Listed, NoBundle, OpenedTask, Redeemed } from "./answers.ts"
import { isAlive, isBelow, lineOf, newTree, type TreeState, type UserFacts } from "./state.ts"
import { Outbox, RETRY_AFTER_MS } from "./outbox.ts"
import { ProofLog } from "./proof-log.ts"
import { LedgerStorage, RELEASED } from "./storage.ts"
import { applyChange, applyEnd, applyOpening, applyRelease, endedBy } from "./transition.ts"
import { viewOf, type TaskView } from "./view.ts"

/** Proofs remembered at most; each takes about a hundred bytes. */
const MAX_PROOFS = 20_000

const newNonce = (): string =>
  crypto.getRandomValues(new Uint8Array(16)).toBase64({ alphabet: "base64url", omitPadding: true })

/** Of a ledger that has woken, by its clock. */
const proofsSince = (wokenAt: number): ProofLog => new ProofLog(newNonce(), wokenAt)

/** No proof can have been admitted before a tree was there. */
const firstProofs = (): ProofLog => new ProofLog(newNonce(), Number.NEGATIVE_INFINITY)

/** With no call for this long, unused credit is given back. */
const QUIET_MS = 2_000
/** A tree is forgotten this long after its last task could act: late questions still find "ended", not "unknown". */
const RETENTION_MS = 3_600_000

export class Ledger extends DurableObject<Env> {
  #storage: LedgerStorage
  #state: TreeState | null
  readonly #outbox: Outbox
  #quietTimer: ReturnType<typeof setTimeout> | undefined
  #lastStep = 0
  #polling = NOT_POLLED

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env)
    this.#storage = new LedgerStorage(ctx.storage.sql)
    this.#state = this.#storage.load(Date.now(), proofsSince)
    this.#outbox = new Outbox(ctx, env)
    if (this.#state) this.#outbox.sendLeftOver()
  }

  /**
   * At once where the bundle is at hand, which it nearly always is.
   * @returns JSON: an object would cross with a disposer of its own, which costs several percent of a call
   */
  decide(version: number, pointer: Pointer, ask: Ask): string | Promise<string> {
    const bundle = version === LEDGER_VERSION ? bundleHeld(pointer) : null
    return bundle
      ? JSON.stringify(this.#decide(bundle, pointer, ask))
      : this.#decideLater(version, pointer, ask).then((answer) => JSON.stringify(answer))
  }

  async #decideLater(version: number, pointer: Pointer, ask: Ask): Promise<Answer | NoBundle> {
    const bundle = version === LEDGER_VERSION ? await bundleOf(this.env.BUNDLES, pointer) : null
    return bundle ? this.#decide(bundle, pointer, ask) : { bundle: "unavailable" }
  }

  #decide(bundle: Bundle, pointer: Pointer, ask: Ask): Answer | NoBundle {
    const state = this.#state
    if (!state) return STRANGER
    if (pointer.seq < state.bundle.seq) return { bundle: "stale", newest: state.bundle }
    const now = this.#now(state)
    const { change, verdict, proof, end } = decide(bundle, state, ask, now)
    const ended = end ? endedBy(state, end) : []
    const recorded = verdict.retryOf === null
    // What only the memory holds may be lost; what changes something, or will be asked about, may not.
    const durable = recorded && bundle.catalog.tools.get(ask.tool)?.action !== "read"
    const newer = pointer.seq > state.bundle.seq
    const changes = change !== null && this.#storage.mustWrite(state, change)
    const numbers = recorded && this.#storage.mustReserveNumber()
    this.#transact(newer || durable || changes || numbers || end !== null, () => {
      if (newer) this.#storage.saveBundle(pointer)
      if (change) this.#storage.saveChange(state, change)
      if (end) this.#storage.saveEnd(ended, end)
      if (!recorded) return
      const number = this.#storage.nextRecordNumber()
      const record = (): DecisionRecord => recordDecision(bundle, ask, verdict, number, now)
      if (durable) this.#outbox.keep(record())
      else this.#outbox.keepRead(record, ask.size)
    })
    state.bundle = pointer
    if (change) applyChange(state, change)
    if (proof !== null) state.proofs.admit(proof)
    if (end) this.#applyEnd(state, ended, end)
    this.#boundProofs(state, now)
    this.#afterStep(now)
    const { denial, evidence, retryOf } = verdict
    const { chain, user, purpose, windows } = evidence
    return {
      denial,
      retryOf,
      agent: chain.at(-1) ?? null,
      user: user && userId(user),
      purpose,
      windows,
      recorded: true,
    }
  }

  /** Which tools could be called now: nothing is counted, nothing changes. @returns JSON, as of `decide` */
  async may(version: number, pointer: Pointer, ask: ListAsk): Promise<string> {
    const bundle = version === LEDGER_VERSION ? await bundleOf(this.env.BUNDLES, pointer) : null
    const answer: Listed | NoBundle = bundle ? this.#may(bundle, pointer, ask) : { bundle: "unavailable" }
    return JSON.stringify(answer)
  }

  #may(bundle: Bundle, pointer: Pointer, ask: ListAsk): Listed | NoBundle {
    const state = this.#state
    if (!state) return { denial: STRANGER.denial, hidden: [], recorded: false }
    if (pointer.seq < state.bundle.seq) return { bundle: "stale", newest: state.bundle }
    const now = this.#now(state)
    const prospects = may(bundle, state, ask, now)
    this.#transact(this.#storage.mustReserveNumber(), () => {
      const number = this.#storage.nextRecordNumber()
      this.#outbox.keepRead(() => recordListing(bundle, ask, prospects, number, now), 0)
    })
    this.#afterStep(now)
    return { denial: prospects.denial, hidden: [...prospects.hidden.keys()], recorded: true }
  }

  /** @param root the id of this tree, which names this object */
  async open(
    version: number,
    pointer: Pointer,
    root: string,
    request: OpenRequest,
    asking: Asking,
  ): Promise<OpenedTask | Refused | NoBundle> {
    if (version !== LEDGER_VERSION) return { bundle: "unavailable" }
    const bundle = await bundleOf(this.env.BUNDLES, pointer)
    if (!bundle) return { bundle: "unavailable" }
    const isNew = this.#state === null
    if (isNew && request.parent) return { refused: { reason: "parent_token_unknown" } }
    if (isNew && request.task !== null) return { refused: { reason: "task_unknown", what: request.task } }
    // A root is opened once: its id is made for the request, so a second opening would be a forgery or a defect.
    if (!isNew && !request.parent && request.task === null) throw new Error("this tree is open already")
    const state = this.#state ?? newTree(root, request.user, request.since, pointer, Date.now(), firstProofs())
    if (pointer.seq < state.bundle.seq) return { bundle: "stale", newest: state.bundle }
    const now = this.#now(state)
    const opened = openTask(bundle, state, request, now)
    if (isRefused(opened)) return opened
    this.#transact(true, () => {
      if (isNew) this.#storage.saveTree(state)
      if (pointer.seq > state.bundle.seq) this.#storage.saveBundle(pointer)
      this.#storage.saveOpening(opened.opening, now)
      this.#outbox.keep(this.#numbered(openingRecord(opened, state.user, pointer, asking, now)))
    })
    state.bundle = pointer
    applyOpening(state, opened.opening, now)
    this.#state = state
    if (isNew) await this.ctx.storage.setAlarm(opened.task.expiresAt + RETENTION_MS)
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
    if (this.#state) throw new Error("this tree is open already")
    const state = newTree(root, consent.user, Date.now(), pointer, Date.now(), firstProofs())
    const foreseen = foresee(bundle, state, consent, this.#now(state))
    if (isRefused(foreseen)) return foreseen
    const { task, life } = foreseen
    const kept = { ...consent, life }
    state.consent = kept
    state.tasks.set(root, task)
    this.#transact(true, () => {
      this.#storage.saveTree(state)
      this.#storage.saveConsent(kept)
      this.#storage.savePending(task)
      this.#outbox.keep(this.#numbered(askedRecord(task, consent, pointer, asking, state.clock)))
    })
    this.#state = state
    await this.ctx.storage.setAlarm(consent.expiresAt + RETENTION_MS)
    return { task: root }
  }

  /** What the person is asked, with the task as it would be at most; null where there is nothing to answer any more. */
  consentFor(person: UserFacts): { readonly consent: Consent; readonly task: TaskView } | null {
    const state = this.#state
    if (!state?.consent) return null
    const now = this.#now(state)
    const [task] = viewOf(state, state.root, now)
    return task && mayAnswer(state, state.consent, person, now) ? { consent: state.consent, task } : null
  }

  /** What the person says. @returns false where they are not asked, or not any more */
  answer(answer: ConsentAnswer, record: DecisionRecord): boolean {
    const state = this.#state
    const now = state ? this.#now(state) : 0
    if (!state?.consent || !mayAnswer(state, state.consent, answer.person, now)) return false
    const consent = { ...state.consent, answer }
    const end = answer.approved ? null : ({ task: state.root, status: "revoked", by: "rejection" } as const)
    const ended = end ? endedBy(state, end) : []
    this.#transact(true, () => {
      this.#storage.saveConsent(consent)
      if (end) this.#storage.saveEnd(ended, end)
      this.#outbox.keep(this.#numbered(record))
    })
    state.consent = consent
    if (end) this.#applyEnd(state, ended, end)
    if (end) this.#giveBack(consent.agent, ANYBODY, state.root)
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
    const state = this.#state
    if (!state?.consent) return { refused: { reason: "consent_unknown" } }
    if (pointer.seq < state.bundle.seq) return { bundle: "stale", newest: state.bundle }
    const now = this.#now(state)
    const { consent } = state
    const opened = redeem(bundle, state, consent, redemption, this.#polling, now)
    if (isRefused(opened)) {
      this.#polling = polled(this.#polling, opened, now)
      return opened
    }
    const redeemed = { ...consent, isRedeemed: true }
    const { audience } = consent
    const user = opened.opening.session?.user ?? null
    this.#transact(true, () => {
      if (pointer.seq > state.bundle.seq) this.#storage.saveBundle(pointer)
      this.#storage.saveConsent(redeemed)
      this.#storage.saveOpening(opened.opening, now)
      this.#outbox.keep(this.#numbered(openingRecord(opened, user, pointer, { ...asking, audience }, now)))
    })
    state.bundle = pointer
    state.consent = redeemed
    applyOpening(state, opened.opening, now)
    this.#giveBack(consent.agent, ANYBODY, state.root)
    return { opened: openedTask(opened, state, now), audience, user }
  }

  /**
   * Ends a task and its subtree, or freezes it; once this has answered, no call of theirs is admitted.
   * @param by whose task it has to be, or null for an operator
   * @param record of this, kept with it
   * @returns why its proof is not taken; how the task has ended and the ids that this changed, or null where there is no such task for the asker
   */
  end(asked: End, by: Holder | null, record: DecisionRecord): Ended | Denied | null {
    const state = this.#state
    const found = state?.tasks.get(asked.task)
    if (!state || !found) return null
    const refused = by && this.#checkHolder(state, by, asked.task)
    if (refused !== null) return refused === "stranger" ? null : refused
    // What is frozen is a person's to look at, not its agent's to close.
    if (by && found.status === "quarantined") return null
    const ids = endedBy(state, asked)
    this.#transact(true, () => {
      this.#storage.saveEnd(ids, asked)
      this.#outbox.keep(this.#numbered(record))
    })
    this.#applyEnd(state, ids, asked)
    return { status: found.status, ended: ids }
  }

  /** Lets a task go on that was frozen. @returns false where there is none, or none that is frozen */
  release(task: string, record: DecisionRecord): boolean {
    const state = this.#state
    const found = state?.tasks.get(task)
    if (found?.status !== "quarantined") return false
    this.#transact(true, () => {
      this.#storage.saveEnd([task], RELEASED)
      this.#outbox.keep(this.#numbered(record))
    })
    applyRelease(found)
    return true
  }

  /** Whether the token would open calls now, as far as this ledger knows, and may be asked about by this agent. */
  isActive(jti: string, task: string, agent: string): boolean {
    const state = this.#state
    const token = state?.tokens.get(jti)
    if (!state || token?.task !== task) return false
    const now = this.#now(state)
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
    const state = this.#state
    const token = state?.tokens.get(jti)
    if (!state || token?.task !== task) return false
    if (agent !== null && state.tasks.get(task)?.agent !== agent) return false
    this.#transact(true, () => {
      this.#storage.forgetToken(jti)
      this.#outbox.keep(this.#numbered(record))
    })
    state.tokens.delete(jti)
    return true
  }

  /**
   * The task and those below it, or null where there is no such task for the asker.
   * @param by whose task it has to be, or null for an operator
   * @returns why its proof is not taken
   */
  describe(task: string, by: Holder | null): TaskView[] | Denied | null {
    const state = this.#state
    if (!state?.tasks.has(task)) return null
    const refused = by && this.#checkHolder(state, by, task)
    if (refused !== null) return refused === "stranger" ? null : refused
    return viewOf(state, task, this.#now(state))
  }

  /** A call was refused before it came here; its proof is used up all the same: whoever saw it must not be able to repeat it. */
  spend({ token: jti, proof }: Holder): void {
    const state = this.#state
    const token = state?.tokens.get(jti)
    if (!state || !proof || token?.jkt !== proof.jkt) return
    const now = this.#now(state)
    if (checkProof(state, proof, now) === null) state.proofs.admit(proof.jti)
    this.#boundProofs(state, now)
  }

  /** Whether a token that is live here reaches the task: its own, or one below it. Its proof is used by this. */
  #checkHolder(state: TreeState, { token: jti, proof }: Holder, task: string): Denied | "stranger" | null {
    const token = state.tokens.get(jti)
    const now = this.#now(state)
    const reaches = token && (token.task === task || isBelow(task, token.task))
    if (!reaches || token.jkt !== (proof?.jkt ?? null) || now >= token.expiresAt) return "stranger"
    const refused = proof && checkProof(state, proof, now)
    if (refused) return deny(refused)
    if (proof) state.proofs.admit(proof.jti)
    this.#boundProofs(state, now)
    return null
  }

  /** A tree whose root has ended leaves its place to another. */
  #applyEnd(state: TreeState, ids: readonly string[], end: End): void {
    applyEnd(state, ids, end)
    const root = state.tasks.get(state.root)
    if (!root || end.status === "quarantined" || !ids.includes(root.id)) return
    this.#giveBack(root.agent, state.user && userId(state.user), root.id)
  }

  /** Lost, a place is free again when the tree would have expired. */
  #giveBack(agent: string, user: string | null, root: string): void {
    const given = openingsOf(this.env, agent, user).giveBack(root)
    this.ctx.waitUntil(given.catch((error: unknown) => logEvent("place_kept", { error: String(error) })))
  }

  override async alarm(): Promise<void> {
    if (!this.#state) return
    await this.#outbox.send()
    const root = this.#state?.tasks.get(this.#state.root)
    if (!root) return
    const forgetAt = root.expiresAt + RETENTION_MS
    const unsent = this.#outbox.hasStored()
    if (Date.now() < forgetAt || unsent) {
      await this.ctx.storage.setAlarm(unsent ? Date.now() + RETRY_AFTER_MS : forgetAt)
      return
    }
    await this.ctx.storage.deleteAll()
    this.#reload()
  }

  /** A new life, as after waking: what was admitted before this moment is then refused for want of the new nonce. */
  #boundProofs(state: TreeState, now: number): void {
    if (state.proofs.size >= MAX_PROOFS) state.proofs = new ProofLog(newNonce(), now)
  }

  /** Its own clock, clamped so that it never runs backwards, whatever became of the question that read it. */
  #now(state: TreeState): number {
    state.clock = Math.max(Date.now(), state.clock)
    return state.clock
  }

  /**
   * Storage and memory never differ: where the work fails, memory is made anew from storage.
   * @param writes false where the work writes nothing: a transaction costs more than all the rest of a step
   */
  #transact(writes: boolean, work: () => void): void {
    try {
      if (writes) this.ctx.storage.transactionSync(work)
      else work()
    } catch (error) {
      this.#reload()
      throw error
    }
  }

  #reload(): void {
    this.#storage = new LedgerStorage(this.ctx.storage.sql)
    // What the memory knows of proofs it still knows.
    const proofs = this.#state?.proofs
    this.#state = this.#storage.load(Date.now(), (wokenAt) => proofs ?? proofsSince(wokenAt))
  }

  #numbered(record: DecisionRecord): DecisionRecord {
    return { ...record, number: this.#storage.nextRecordNumber() }
  }

  #afterStep(now: number): void {
    this.#lastStep = now
    this.#quietTimer ??= setTimeout(() => this.#settle(), QUIET_MS)
  }

  #settle(): void {
    this.#quietTimer = undefined
    const state = this.#state
    if (!state) return
    const quietFor = Date.now() - this.#lastStep
    if (quietFor < QUIET_MS) this.#quietTimer = setTimeout(() => this.#settle(), QUIET_MS - quietFor)
    else this.#transact(true, () => this.#storage.settle(state))
  }
}
