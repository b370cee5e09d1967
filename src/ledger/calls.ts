/**
 * Decides calls in the ledger of their tree: the pure step `decide` on the current state, and its effects on storage
 * and memory. What a call needs of counts that all trees share is requested first; then the call is decided once more.
 */
import { recordDecision } from "../core/record/call-record.ts"
import type { Ask } from "../core/record/visible-call.ts"
import { recordListing, sizeOfListing, type ListAsk } from "../core/record/listing-record.ts"
import { type DecisionRecord, type ShadowResult } from "../core/record/record.ts"
import { isUnproven, type DecisionResult, type RefusedCall, type TokenUse } from "../core/decision/call.ts"
import { checkAlive, checkProof, checkToken } from "../core/decision/check-credential.ts"
import { observeEarlyDenial } from "../core/decision/early-denial.ts"
import { decide } from "../core/decision/decide.ts"
import { deny, isDenied, type Denial, type Denied } from "../core/denials/denial.ts"
import { visibleTools } from "../core/decision/visible-tools.ts"
import { callAsked, taskEnded, type Cause } from "../core/notices/notice.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { candidateHeld } from "../bundles/candidate.ts"
import { userId } from "../core/policy/principals.ts"
import type { TaskChange } from "../core/task/change.ts"
import {
  LATE,
  UNKNOWN_TREE,
  strangerTo,
  type LedgerDecision,
  type Listed,
  type NoBundle,
  type TokenOwner,
} from "./protocol.ts"
import { CallApprovals } from "./call-approvals.ts"
import { TIMEOUT_MS } from "./asking.ts"
import { withCredit, type Needs } from "./credit-rounds.ts"
import { Shadow } from "./shadow.ts"
import { ancestryOf, type TreeState } from "../core/task/state.ts"
import { applyAfterwards, applyApproval, applyBundle, applyChange, endedBy } from "../core/task/transition.ts"
import { CountedDenials } from "./seen-denials.ts"
import { stormRecord } from "./storm-record.ts"
import type { Tree } from "./tree.ts"

interface Done {
  readonly done: true
}
const DONE: Done = { done: true }

export class Calls {
  readonly #tree: Tree
  readonly #env: Env
  readonly #background: (work: Promise<unknown>) => void
  readonly #denials = new CountedDenials()
  readonly shadow = new Shadow()
  readonly approvals: CallApprovals

  constructor(tree: Tree, env: Env, background: (work: Promise<unknown>) => void) {
    this.#tree = tree
    this.#env = env
    this.#background = background
    this.approvals = new CallApprovals(tree)
  }

  /**
   * @param until milliseconds since the epoch, when the gateway stops waiting: what it does not learn of must not have
   *   been admitted
   * @returns at once, unless credit has to be requested
   */
  decide(
    bundle: Bundle,
    pointer: Pointer,
    ask: Ask,
    until: number,
  ): LedgerDecision | NoBundle | Promise<LedgerDecision | NoBundle> {
    const step = (isFinal: boolean): LedgerDecision | NoBundle | Needs =>
      this.#step(bundle, pointer, ask, until, isFinal)
    const answer = step(false)
    return "needs" in answer ? withCredit(this.#tree, pointer, until, answer, step) : answer
  }

  /** @param isFinal a call that still needs credit is denied for want of it */
  #step(
    bundle: Bundle,
    pointer: Pointer,
    ask: Ask,
    until: number,
    isFinal: boolean,
  ): LedgerDecision | NoBundle | Needs {
    const { state, storage, credits, outbox, notices } = this.#tree
    if (Date.now() > until) return LATE
    if (!state) return UNKNOWN_TREE
    if (pointer.seq < state.bundle.seq) return { bundle: "stale", newest: state.bundle }
    const now = this.#tree.now(state)
    const decided = decide(bundle, state, ask, now)
    const isToldAgain = decided.denialUpdates.length > 0 && this.#denials.has(ask, now)
    const outcome = isToldAgain ? withoutStorm(decided) : decided
    const { change, verdict, proof, end, asks, storm, denialUpdates } = outcome
    if (verdict.denial && isUnproven(verdict.evidence)) {
      this.spend(ask)
      return strangerTo(verdict.denial)
    }
    const needs = [...outcome.needs, ...outcome.wants]
    if (needs.length > 0 && !isFinal) return { needs }
    const ended = end ? endedBy(state, end) : []
    const recorded = verdict.retryOf === null
    const candidate = recorded ? this.#candidate(ask.candidate, now) : null
    const tried = candidate && this.shadow.call(candidate, bundle, state, ask, outcome, now)
    // A read's record may be lost with the memory; what changes something, or needs an approval, is durable.
    const isRead = bundle.catalog.tools.get(ask.tool)?.action === "read"
    const isTold = verdict.denial !== null && (verdict.denial.reason === "approval_required" || end !== null)
    const durable = recorded && (!isRead || isTold)
    const newer = pointer.seq > state.bundle.seq
    const lent = creditOf(change)
    const life = recorded && storage.records.mustWrite()
    const writes = newer || durable || life || end !== null || asks !== null || this.#mustWrite(state, outcome, now)
    const read = this.#tree.transaction(writes || this.#mustLend(lent), () => {
      if (newer) storage.saveBundle(state, pointer, bundle.guardrails)
      if (change) storage.saveChange(state, change)
      if (lent.length > 0) credits.save(lent)
      if (denialUpdates.length > 0) storage.saveNotes(state, denialUpdates, now)
      if (asks) storage.saveApproval(asks, now)
      if (end) storage.saveEnd(ended, end)
      if (asks) notices.keep(callAsked(asks))
      if (end) notices.keep(taskEnded(state, ended, end, causeOf(ask.decisionId, storm ?? verdict.denial), now))
      if (!recorded) return null
      const place = storage.records.next()
      const record = (): DecisionRecord => recordDecision(bundle, ask, verdict, tried, place, now)
      if (durable) outbox.keep(record())
      if (end && storm) {
        outbox.keep(this.#tree.withNumber(stormRecord(state, verdict.evidence.chain, ask, storm, now)))
      }
      return durable ? null : { life: place.life, record }
    })
    // Only now: a step that fails leaves no record, and its place belongs to another one.
    if (read) outbox.keepRead(read.life, read.record, ask.size)
    applyBundle(state, pointer, bundle.guardrails)
    if (change) applyChange(state, change)
    if (denialUpdates.length > 0) {
      applyAfterwards(state, denialUpdates, now)
      this.#denials.add(ask, now)
    }
    if (asks) {
      applyApproval(state, asks)
      this.#tree.questions.announce(asks)
    }
    if (proof !== null) state.proofs.admit(proof)
    if (end) this.#tree.end(state, ended, end)
    this.#tree.boundProofs(state, now)
    this.#touched(state, now)
    const { denial, evidence, retryOf } = verdict
    const { chain, user, purpose, windows } = evidence
    const agent = chain.at(-1) ?? null
    return { denial, retryOf, agent, user: user && userId(user), purpose, windows, recorded: true }
  }

  /** A tree that is always busy still gives back credit that other trees could use. */
  #touched(state: TreeState, now: number): void {
    this.#tree.scheduleFlush(now)
    this.#tree.credits.giveBackDue(state.memory)
  }

  #mustWrite(state: TreeState, { change, denialUpdates }: DecisionResult, now: number): boolean {
    const { storage } = this.#tree
    return (
      (change !== null && storage.mustWrite(state, change)) ||
      (denialUpdates.length > 0 && storage.mustNote(state, denialUpdates, now))
    )
  }

  /** What the candidate would have decided on a call that was denied before it reached the ledger. */
  shadowDenied(ask: Ask, denial: Denial): ShadowResult | null {
    const { state } = this.#tree
    const now = state ? this.#tree.now(state) : 0
    const candidate = state ? this.#candidate(ask.candidate, now) : null
    return state && candidate && this.shadow.refused(candidate, state, ask, denial, now)
  }

  /** Null if there is no candidate, or if it is not loaded yet. */
  #candidate(pointer: Pointer | null, now: number): Bundle | null {
    return pointer && candidateHeld(this.#env.BUNDLES, pointer, now, this.#background)
  }

  /**
   * Uses up the proof of a denied call (RFC 9449, section 11.1), so that nobody who saw the call can repeat it. The proof
   * of a frozen task's token is used up too: an operator may release the task while the proof is still fresh.
   * @returns whose call it is; or why its token, or its proof, is not taken
   */
  spend(use: TokenUse): TokenOwner | Denied {
    const { state } = this.#tree
    if (!state) return deny({ reason: "task_unknown" })
    const now = this.#tree.now(state)
    const ancestry = ancestryOf(state, use.task)
    const { proof } = use
    const unproven = checkToken(state, use, now) ?? (proof && checkProof(state, proof, now))
    if (proof && !unproven) state.proofs.admit(proof.jti)
    this.#tree.boundProofs(state, now)
    const unusable = checkAlive(state, ancestry, now) ?? unproven
    if (unusable) return deny(unusable)
    const { agent, purpose } = ancestry[0] ?? { agent: null, purpose: null }
    return { agent, purpose, user: state.user && userId(state.user) }
  }

  /**
   * Uses up the proof, and reports the denial to the guardrails that count denials or, for an observing gateway, what
   * has happened. A token that is not live reports nothing. A proof that was used before may have been seen by anybody,
   * and its owner must not suffer for that.
   */
  async refused(bundle: Bundle, pointer: Pointer, call: RefusedCall, denial: Denial): Promise<TokenOwner | Denied> {
    const owner = this.spend(call)
    if (isDenied(owner)) return owner
    const until = Date.now() + TIMEOUT_MS
    const step = (isFinal: boolean): Needs | Done => this.#notice(bundle, pointer, call, denial, isFinal)
    const noticed = step(false)
    if ("needs" in noticed) await withCredit(this.#tree, pointer, until, noticed, step)
    return owner
  }

  /** @param isFinal what it still needs of counts that all trees share cannot be had */
  #notice(bundle: Bundle, pointer: Pointer, call: RefusedCall, denial: Denial, isFinal: boolean): Needs | Done {
    const { state, storage, outbox, notices } = this.#tree
    if (!state) return DONE
    const now = this.#tree.now(state)
    if (pointer.seq < state.bundle.seq && call.mode === "enforce") return DONE
    const noticed = this.#denials.has(call, now) ? null : observeEarlyDenial(bundle, state, call, denial, now)
    if (!noticed) return DONE
    const { chain, change, wants, memoryUpdates, storm, end } = noticed
    if (wants.length > 0 && !isFinal) return { needs: wants }
    const lent = creditOf(change)
    const ended = end ? endedBy(state, end) : []
    const writes = (change !== null && storage.mustWrite(state, change)) || storage.mustNote(state, memoryUpdates, now)
    this.#tree.transaction(writes || end !== null || this.#mustLend(lent), () => {
      if (change) storage.saveChange(state, change)
      if (lent.length > 0) this.#tree.credits.save(lent)
      storage.saveNotes(state, memoryUpdates, now)
      if (!end) return
      storage.saveEnd(ended, end)
      const record = stormRecord(state, chain, call, storm, now)
      notices.keep(taskEnded(state, ended, end, causeOf(record.id, storm ?? denial), now))
      outbox.keep(this.#tree.withNumber(record))
    })
    if (change) applyChange(state, change)
    applyAfterwards(state, memoryUpdates, now)
    this.#denials.add(call, now)
    if (end) this.#tree.end(state, ended, end)
    this.#touched(state, now)
    return DONE
  }

  #mustLend(lent: ReturnType<typeof creditOf>): boolean {
    return lent.some(({ owner, key }) => this.#tree.credits.mustWrite(owner, key))
  }

  /** Which tools could be called now. Nothing is counted, and nothing changes. */
  visibleTools(bundle: Bundle, pointer: Pointer, ask: ListAsk): Listed | NoBundle {
    const { state, storage, outbox } = this.#tree
    if (!state) return { denial: UNKNOWN_TREE.denial, hidden: [], recorded: false }
    if (pointer.seq < state.bundle.seq) return { bundle: "stale", newest: state.bundle }
    const now = this.#tree.now(state)
    const prospects = visibleTools(bundle, state, ask, now)
    if (prospects.denial && isUnproven(prospects.evidence)) {
      return { denial: prospects.denial, hidden: [], recorded: false }
    }
    const place = this.#tree.transaction(storage.records.mustWrite(), () => storage.records.next())
    const record = (): DecisionRecord => recordListing(bundle, ask, prospects, place, now)
    outbox.keepRead(place.life, record, sizeOfListing(ask, prospects))
    this.#touched(state, now)
    return { denial: prospects.denial, hidden: [...prospects.hidden.keys()], recorded: true }
  }

  /**
   * A call has ended, as the gateway that allowed it reports.
   * @returns whether the call was known to be in flight
   */
  settle(decision: string, gateway: string): boolean {
    const { state, storage } = this.#tree
    return state !== null && storage.land(state, decision, gateway)
  }
}

/** What counts that all trees share have lent to a change. */
function creditOf(change: TaskChange | null) {
  return change ? change.memoryUpdates.filter(({ kind }) => kind === "credit") : []
}

function causeOf(decision: string, denial: Denial | null): Cause {
  return { decision, operator: null, denial }
}

/** A denial that was counted already: it is not counted again, and ends no task. */
function withoutStorm(outcome: DecisionResult): DecisionResult {
  return { ...outcome, denialUpdates: [], storm: null, end: outcome.storm ? null : outcome.end }
}
