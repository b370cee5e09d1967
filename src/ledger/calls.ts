/**
 * Decides calls in the ledger of their tree: the pure step `decide` on the current state, and its effects on storage
 * and memory. What a call needs of counts that all ledgers share is requested first; then the call is decided once more.
 */
import { recordDecision } from "../core/record/call-record.ts"
import type { LedgerCall } from "../core/record/visible-call.ts"
import { recordListing, sizeOfListing, type LedgerListQuery } from "../core/record/listing-record.ts"
import { type DecisionRecord, type ShadowResult } from "../core/record/record.ts"
import { isUnproven, type DeniedCall } from "../core/decision/call.ts"
import { admitProof } from "../core/decision/check-credential.ts"
import { observeEarlyDenial } from "../core/decision/early-denial.ts"
import { decide } from "../core/decision/decide.ts"
import { isDenied, type Denial, type Denied } from "../core/denials/denial.ts"
import { visibleTools } from "../core/decision/visible-tools.ts"
import { callApprovalRequested, taskEnded } from "../core/notices/notice.ts"
import { workOfCall } from "../core/decision/within-work.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { Work } from "../core/encoding/work.ts"
import { cachedCandidate } from "../bundles/candidate.ts"
import { userId } from "../core/policy/principals.ts"
import { LATE, UNKNOWN_TREE, unknownTokenDecision } from "./protocol.ts"
import type { LedgerDecision, Listed, NoBundle, TokenOwner } from "./protocol.ts"
import { untoldOf, withoutCarried, withoutUntold, type AgentLedgers, type Untold } from "./agent-ledgers.ts"
import { CallApprovals } from "./call-approvals.ts"
import { TIMEOUT_MS } from "./credit-request.ts"
import { withCredit, type Needs } from "./credit-rounds.ts"
import { Shadow } from "./shadow.ts"
import type { TreeState } from "../core/task/state.ts"
import { applyMemoryUpdates, applyApproval, applyBundle, applyChange, endedBy } from "../core/task/transition.ts"
import { CountedDenials } from "./seen-denials.ts"
import { spend } from "./spend.ts"
import { stormRecord } from "./storm-record.ts"
import { dueOfChange } from "./change-storage.ts"
import { DUE } from "./due.ts"
import { causeOf, creditOf, isRecordedDurably, sharedWait, withoutStorm } from "./call-effects.ts"
import { CallPace } from "./pace.ts"
import { newNonce } from "./new-proofs.ts"
import type { Trees } from "./trees.ts"
import { urgencyOf } from "./urgency.ts"

const DONE = { done: true } as const
type Attempt = LedgerDecision | NoBundle | Untold | Promise<LedgerDecision | NoBundle | Untold>
export class Calls {
  readonly #trees: Trees
  readonly #others: AgentLedgers
  readonly #env: Env
  readonly #background: (work: Promise<unknown>) => void
  readonly #denials = new CountedDenials()
  readonly #pace = new CallPace()
  readonly shadow = new Shadow()
  readonly approvals: CallApprovals

  constructor(trees: Trees, others: AgentLedgers, env: Env, background: (work: Promise<unknown>) => void) {
    this.#trees = trees
    this.#others = others
    this.#env = env
    this.#background = background
    this.approvals = new CallApprovals(trees)
  }

  /**
   * @param until milliseconds since the epoch, when the gateway stops waiting: what it does not learn of must not have
   *   been admitted
   */
  decide(
    bundle: Bundle,
    pointer: Pointer,
    ask: LedgerCall,
    until: number,
  ): LedgerDecision | NoBundle | Promise<LedgerDecision | NoBundle> {
    const paced = this.#paced(ask)
    // Through an observing gateway the call happens, and what it picks up must be stored: otherwise an agent would call
    // faster than its pace, read a secret there, and send it away through a gateway that enforces. It counts all the same.
    if (paced && ask.mode === "enforce") {
      // Nobody who has seen the call may repeat it. The edge records it: so many denials are not worth as many rows.
      const owner = spend(this.#trees, ask)
      return { ...unknownTokenDecision(paced), ...(isDenied(owner) ? {} : owner) }
    }
    const arrivedAt = Date.now()
    const work = workOfCall(ask)
    const attempt = (mayTell: boolean): Attempt => {
      const step = (isFinal: boolean): LedgerDecision | NoBundle | Untold | Needs =>
        this.#step(bundle, pointer, ask, work, arrivedAt, until, isFinal, mayTell)
      const answer = step(false)
      return "needs" in answer ? withCredit(this.#trees, pointer, until, answer, step) : answer
    }
    const answer = attempt(true)
    return answer instanceof Promise || "untold" in answer ? this.#others.tellBefore(answer, attempt) : answer
  }

  #paced({ task, token, size, arguments: { complete } }: LedgerCall): Denial | null {
    const at = Date.now()
    const state = this.#trees.of(task, at)
    return state && this.#pace.deny(state, token, task, this.#trees.now(state, at), complete ? size : 0)
  }

  /**
   * @param arrivedAt milliseconds since the epoch: since then it has waited for what ledgers share, if for anything
   * @param isFinal a call that still needs credit is denied for want of it
   * @param mayTell otherwise a call whose labels another ledger has to know of first is denied
   */
  #step(
    bundle: Bundle,
    pointer: Pointer,
    ask: LedgerCall,
    work: Work,
    arrivedAt: number,
    until: number,
    isFinal: boolean,
    mayTell: boolean,
  ): LedgerDecision | NoBundle | Untold | Needs {
    const at = Date.now()
    // First of all: if it corrects the ledger's clock, storage is another one then.
    const state = this.#trees.of(ask.task, at)
    const { storage, credits, outbox, notices } = this.#trees
    if (at > until) return LATE
    if (!state) return UNKNOWN_TREE
    const { bundle: newest } = state.ledger
    if (pointer.seq < newest.seq) return { bundle: "stale", newest }
    const now = this.#trees.now(state, at)
    const decision = this.#pace.metered(state, ask.task, (meter) => decide(bundle, state, ask, now, meter), work)
    const decided = withoutUntold(state, decision, ask.mode, mayTell)
    if ("untold" in decided) return decided
    const isCountedAlready = decided.denialUpdates.length > 0 && this.#denials.has(ask, now)
    const outcome = isCountedAlready ? withoutStorm(decided) : decided
    const { change, verdict, proof, end, requestedApproval, storm, denialUpdates } = outcome
    if (verdict.denial && isUnproven(verdict.evidence)) {
      spend(this.#trees, ask)
      return unknownTokenDecision(verdict.denial)
    }
    if (!isFinal && outcome.needs.length + outcome.wants.length > 0)
      return { needs: [...outcome.needs, ...outcome.wants] }
    const ended = end ? endedBy(state, end) : []
    const recorded = verdict.retryOf === null
    const candidate = recorded ? this.#candidate(ask.candidate, now) : null
    const shadow = (meter: Work) => candidate && this.shadow.call(candidate, bundle, state, ask, outcome, now, meter)
    const tried = this.#pace.metered(state, ask.task, shadow)
    const durable = recorded && isRecordedDurably(bundle, ask, outcome)
    const isNewer = pointer.seq > newest.seq
    const lent = creditOf(change)
    const isKept = durable || (recorded && !storage.records.isDurable(state.root))
    const step = { ...outcome, isNewer, isKept, isLent: lent.length > 0 }
    const { writes, waits, reserves } = urgencyOf(step, storage, state, bundle, now)
    const isLate = recorded && !durable && this.#trees.keepsLate(writes, now)
    const when = waits || "soon"
    const read = this.#trees.transaction((writes || isLate || this.#mustLend(lent)) && when, () => {
      if (isNewer) storage.saveBundle(state.ledger, pointer, bundle.guardrails)
      if (change) storage.saveChange(state, change, reserves)
      if (lent.length > 0) credits.save(lent)
      if (denialUpdates.length > 0) storage.memories.save(state.ledger, denialUpdates, now)
      if (requestedApproval) storage.saveApproval(state, requestedApproval, now)
      if (end) storage.trees.saveEnd(ended, end)
      if (requestedApproval) notices.keep(callApprovalRequested(requestedApproval))
      if (end) notices.keep(taskEnded(state, ended, end, causeOf(ask.decisionId, storm ?? verdict.denial), now))
      if (!recorded) return null
      const place = storage.records.next(state.root)
      const waited = sharedWait(ask, at - arrivedAt)
      const record = (): DecisionRecord => recordDecision(bundle, waited, verdict, tried, place, now)
      if (isKept || isLate) outbox.keep(record(), isLate && when)
      if (end && storm) {
        this.#trees.keepRecord(state, stormRecord(state, verdict.evidence.chain, ask, storm, now))
      }
      return isKept || isLate ? null : record
    })
    // Only now: a step that fails leaves no record, and its place belongs to another one.
    if (read) outbox.keepRead(read, ask.size)
    applyBundle(state.ledger, pointer, bundle.guardrails)
    if (change) applyChange(state, change)
    if (denialUpdates.length > 0) {
      applyMemoryUpdates(state, denialUpdates, now)
      this.#denials.add(ask, now)
    }
    if (requestedApproval) {
      applyApproval(state, requestedApproval)
      this.#trees.approvalInboxes.announce(requestedApproval)
    }
    if (proof !== null && ask.proof) admitProof(state, ask.token, ask.proof, now, newNonce)
    if (end) this.#trees.end(state, ended, end)
    this.#touched(state, now)
    const { denial, evidence, retryOf } = verdict
    const { chain, user, purpose, windows } = evidence
    const agent = chain.at(-1) ?? null
    return { denial, retryOf, agent, user: user && userId(user), purpose, windows, recorded: true }
  }

  /** A tree that is always busy still gives back credit that other trees could use. */
  #touched(state: TreeState, now: number): void {
    this.#trees.returnCreditWhenQuiet(now)
    this.#trees.credits.returnDueCredit(state.ledger.memories)
  }

  /** What the candidate would have decided on a call that was denied before it reached the ledger. */
  shadowDenied(ask: LedgerCall, denial: Denial): ShadowResult | null {
    const state = this.#trees.of(ask.task)
    const now = state ? this.#trees.now(state) : 0
    const candidate = state ? this.#candidate(ask.candidate, now) : null
    return state && candidate && this.shadow.refused(candidate, state, ask, denial, now)
  }

  /** Null if there is no candidate, or if it is not loaded yet. */
  #candidate(pointer: Pointer | null, now: number): Bundle | null {
    return pointer && cachedCandidate(this.#env.BUNDLES, pointer, now, this.#background)
  }

  /**
   * Uses up the proof, and reports the denial to the guardrails that count denials or, for an observing gateway, what
   * has happened. A token that is not live reports nothing. A proof that was used before may have been seen by another client,
   * and its owner must not suffer for that.
   */
  async refused(bundle: Bundle, pointer: Pointer, call: DeniedCall, denial: Denial): Promise<TokenOwner | Denied> {
    const owner = spend(this.#trees, call)
    if (isDenied(owner)) return owner
    const until = Date.now() + TIMEOUT_MS
    const step = (isFinal: boolean): Needs | typeof DONE => this.#notice(bundle, pointer, call, denial, isFinal)
    const noticed = step(false)
    if ("needs" in noticed) await withCredit(this.#trees, pointer, until, noticed, step)
    return owner
  }

  /** @param isFinal what it still needs of counts that all ledgers share cannot be had */
  #notice(bundle: Bundle, pointer: Pointer, call: DeniedCall, denial: Denial, isFinal: boolean): Needs | typeof DONE {
    const state = this.#trees.of(call.task)
    const { storage, notices } = this.#trees
    if (!state) return DONE
    const now = this.#trees.now(state)
    if (pointer.seq < state.ledger.bundle.seq && call.mode === "enforce") return DONE
    const observe = (meter: Work) => observeEarlyDenial(bundle, state, call, denial, now, meter)
    const noticed = this.#denials.has(call, now) ? null : this.#pace.metered(state, call.task, observe)
    if (!noticed) return DONE
    const { chain, wants, memoryUpdates, storm, end } = noticed
    if (wants.length > 0 && !isFinal) return { needs: wants }
    const untold = untoldOf(state, noticed.change?.carried ?? [])
    const change = noticed.change && withoutCarried(noticed.change, untold)
    const lent = creditOf(change)
    const ended = end ? endedBy(state, end) : []
    const writes =
      (change !== null && dueOfChange(change, storage, state, bundle.readsCalls) !== DUE.never) ||
      storage.memories.due(state.ledger, memoryUpdates, now) !== DUE.never
    this.#trees.transaction(writes || end !== null || this.#mustLend(lent), () => {
      if (change) storage.saveChange(state, change)
      if (lent.length > 0) this.#trees.credits.save(lent)
      storage.memories.save(state.ledger, memoryUpdates, now)
      if (!end) return
      storage.trees.saveEnd(ended, end)
      const record = stormRecord(state, chain, call, storm, now)
      notices.keep(taskEnded(state, ended, end, causeOf(record.id, storm ?? denial), now))
      this.#trees.keepRecord(state, record)
    })
    if (change) applyChange(state, change)
    applyMemoryUpdates(state, memoryUpdates, now)
    this.#denials.add(call, now)
    if (end) this.#trees.end(state, ended, end)
    // The call has happened already, and cannot wait for other ledgers.
    if (untold.length > 0) this.#background(this.#others.tellAll(untold))
    this.#touched(state, now)
    return DONE
  }

  #mustLend(lent: ReturnType<typeof creditOf>): boolean {
    return lent.some(({ owner, key }) => this.#trees.credits.mustWrite(owner, key))
  }

  /** Which tools could be called now. Nothing is counted, and nothing changes. */
  visibleTools(bundle: Bundle, pointer: Pointer, ask: LedgerListQuery): Listed | NoBundle {
    const state = this.#trees.of(ask.task)
    const { storage, outbox } = this.#trees
    if (!state) return { denial: UNKNOWN_TREE.denial, hidden: [], recorded: false }
    const { bundle: newest } = state.ledger
    if (pointer.seq < newest.seq) return { bundle: "stale", newest }
    const now = this.#trees.now(state)
    const paced = this.#pace.deny(state, ask.token, ask.task, now)
    if (paced) return { denial: paced, hidden: [], recorded: false }
    const prospects = this.#pace.metered(state, ask.task, (meter) => visibleTools(bundle, state, ask, now, meter))
    if (prospects.denial && isUnproven(prospects.evidence)) {
      return { denial: prospects.denial, hidden: [], recorded: false }
    }
    const isKept = !storage.records.isDurable(state.root)
    const isLate = this.#trees.keepsLate(isKept, now)
    const when = isKept || "soon"
    const read = this.#trees.transaction((isKept || isLate) && when, () => {
      const place = storage.records.next(state.root)
      const record = (): DecisionRecord => recordListing(bundle, ask, prospects, place, now)
      if (isKept || isLate) outbox.keep(record(), isLate && when)
      return isKept || isLate ? null : record
    })
    if (read) outbox.keepRead(read, sizeOfListing(ask, prospects))
    this.#touched(state, now)
    return { denial: prospects.denial, hidden: [...prospects.hidden.keys()], recorded: true }
  }

  /**
   * A call has ended, as the gateway that allowed it reports.
   * @returns whether the call was known to be in flight
   */
  settle(decision: string, gateway: string, task: string): boolean {
    const state = this.#trees.of(task)
    if (!state) return false
    return this.#trees.transaction(true, () => this.#trees.storage.memories.land(state, decision, gateway, task))
  }
}
