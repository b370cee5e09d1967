/**
 * Calls of a tree, decided on in its ledger: the pure step `decide` on the state of now, and what follows from it in
 * storage and memory. What a call needs of counts that all trees share is asked for first, and then all is looked at
 * once more.
 */
import { recordDecision } from "../core/record/call-record.ts"
import type { Ask } from "../core/record/visible-call.ts"
import { recordListing, sizeOfListing, type ListAsk } from "../core/record/listing-record.ts"
import { recordOf, type DecisionRecord, type ShadowResult } from "../core/record/record.ts"
import { isUnproven, type DecisionResult, type RefusedCall, type TokenUse } from "../core/decision/call.ts"
import { checkAlive, checkProof, checkToken } from "../core/decision/check-credential.ts"
import { noticeRefused } from "../core/decision/early-denial.ts"
import { decide } from "../core/decision/decide.ts"
import { codeOf, deny, isDenied, type Denial, type Denied } from "../core/denials/denial.ts"
import type { Need } from "../core/guardrails/kind.ts"
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
import { Asking, TIMEOUT_MS } from "./asking.ts"
import { Shadow } from "./shadow.ts"
import { ancestryOf, type TreeState } from "../core/task/state.ts"
import { applyAfterwards, applyApproval, applyBundle, applyChange, endedBy } from "../core/task/transition.ts"
import { newId } from "../platform/new-id.ts"
import { ToldDenials } from "./seen-denials.ts"
import type { Tree } from "./tree.ts"

/** Times that a call asks for what all trees share, where others of its tree use up what it was lent … */
const MOST_ROUNDS = 8
/** … and of them, those in which it waits for what another call asks for: then it asks for itself. */
const PATIENT_ROUNDS = 2

/** It hangs on counts that all trees share: nothing was decided. */
interface Needs {
  readonly needs: readonly Need[]
}

interface Done {
  readonly done: true
}
const DONE: Done = { done: true }

export class Calls {
  readonly #tree: Tree
  readonly #env: Env
  readonly #background: (work: Promise<unknown>) => void
  readonly #denials = new ToldDenials()
  readonly shadow = new Shadow()
  readonly approvals: CallApprovals

  constructor(tree: Tree, env: Env, background: (work: Promise<unknown>) => void) {
    this.#tree = tree
    this.#env = env
    this.#background = background
    this.approvals = new CallApprovals(tree)
  }

  /**
   * @param until milliseconds, when the gateway stops waiting: what it does not hear of must not have been admitted
   * @returns at once, unless something has to be asked for
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
    return "needs" in answer ? this.#withCredit(pointer, until, answer, step) : answer
  }

  /** @param step is told whether nothing more can be had, and needs nothing more then */
  async #withCredit<Result extends object>(
    pointer: Pointer,
    until: number,
    first: Needs,
    step: (isFinal: boolean) => Result | Needs,
  ): Promise<Result | typeof UNKNOWN_TREE> {
    // All that any step needed: what one round has brought is given back if the next one asks for something else.
    const needs = new Map<string, Need>()
    const asking = new Asking(pointer.seq, until)
    const { credits } = this.#tree
    let asked = first
    try {
      for (let round = 1; ; round++) {
        const { state } = this.#tree
        if (!state) return UNKNOWN_TREE
        for (const need of asked.needs) needs.set(`${need.owner}|${need.place}`, need)
        const isLast = round === MOST_ROUNDS
        asking.waits = round <= PATIENT_ROUNDS
        const answer = await credits.with(state.root, state.memory, [...needs.values()], asking, (isFinal) =>
          step(isFinal || isLast),
        )
        if (!("needs" in answer)) return answer
        asked = answer
      }
    } finally {
      credits.done(asking)
    }
  }

  /** @param isFinal a call that still needs something is denied for want of it */
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
    if (verdict.denial && isUnproven(verdict.evidence)) return strangerTo(verdict.denial)
    const needs = [...outcome.needs, ...outcome.wants]
    if (needs.length > 0 && !isFinal) return { needs }
    const ended = end ? endedBy(state, end) : []
    const recorded = verdict.retryOf === null
    const candidate = recorded ? this.#candidate(ask.candidate, now) : null
    const tried = candidate && this.shadow.call(candidate, bundle, state, ask, outcome, now)
    // What only the memory holds may be lost; what changes something, or will be asked about, may not.
    const isRead = bundle.catalog.tools.get(ask.tool)?.action === "read"
    const isTold = verdict.denial !== null && (verdict.denial.reason === "approval_required" || end !== null)
    const durable = recorded && (!isRead || isTold)
    const newer = pointer.seq > state.bundle.seq
    const lent = creditOf(change)
    const life = recorded && storage.mustWriteLife()
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
      const place = storage.nextPlace()
      const record = (): DecisionRecord => recordDecision(bundle, ask, verdict, tried, place, now)
      if (durable) outbox.keep(record())
      if (end && storm) {
        outbox.keep(this.#tree.withNumber(stormRecord(state, verdict.evidence.chain, ask, storm, now)))
      }
      return durable ? null : { life: place.life, record }
    })
    // Not before: of a step that fails there is no record, and its place is another's.
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

  /** Whatever keeps the tree busy keeps others from nothing that they could use. */
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

  /** A call that was refused before it came here, tried by the candidate all the same. */
  shadowDenied(ask: Ask, denial: Denial): ShadowResult | null {
    const { state } = this.#tree
    const now = state ? this.#tree.now(state) : 0
    const candidate = state ? this.#candidate(ask.candidate, now) : null
    return state && candidate && this.shadow.refused(candidate, state, ask, denial, now)
  }

  /** Null where none is tried, or it is not here yet. */
  #candidate(pointer: Pointer | null, now: number): Bundle | null {
    return pointer && candidateHeld(this.#env.BUNDLES, pointer, now, this.#background)
  }

  /**
   * A call was refused before it came here; its proof is used up all the same: whoever saw it must not be able to
   * repeat it.
   * @returns whose call it is; or why its token, or its proof, is not taken
   */
  spend(shown: TokenUse): TokenOwner | Denied {
    const { state } = this.#tree
    if (!state) return deny({ reason: "task_unknown" })
    const now = this.#tree.now(state)
    const ancestry = ancestryOf(state, shown.task)
    const { proof } = shown
    const unusable =
      checkAlive(state, ancestry, now) ?? checkToken(state, shown, now) ?? (proof && checkProof(state, proof, now))
    if (unusable) return deny(unusable)
    if (proof) state.proofs.admit(proof.jti)
    this.#tree.boundProofs(state, now)
    const { agent, purpose } = ancestry[0] ?? { agent: null, purpose: null }
    return { agent, purpose, user: state.user && userId(state.user) }
  }

  /**
   * The same, told to those who look out for storms of denials, or, of a gateway that observes, what has happened. A token
   * that opens nothing here tells nothing; a proof that was used before anybody may have seen, and its owner must not
   * suffer for that.
   */
  async refused(bundle: Bundle, pointer: Pointer, call: RefusedCall, denial: Denial): Promise<TokenOwner | Denied> {
    const owner = this.spend(call)
    if (isDenied(owner)) return owner
    const until = Date.now() + TIMEOUT_MS
    const step = (isFinal: boolean): Needs | Done => this.#notice(bundle, pointer, call, denial, isFinal)
    const noticed = step(false)
    if ("needs" in noticed) await this.#withCredit(pointer, until, noticed, step)
    return owner
  }

  /** @param isFinal what it still needs of counts that all trees share cannot be had */
  #notice(bundle: Bundle, pointer: Pointer, call: RefusedCall, denial: Denial, isFinal: boolean): Needs | Done {
    const { state, storage, outbox, notices } = this.#tree
    if (!state) return DONE
    const now = this.#tree.now(state)
    if (pointer.seq < state.bundle.seq && call.mode === "enforce") return DONE
    const noticed = this.#denials.has(call, now) ? null : noticeRefused(bundle, state, call, denial, now)
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

  /** Which tools could be called now: nothing is counted, nothing changes. */
  visibleTools(bundle: Bundle, pointer: Pointer, ask: ListAsk): Listed | NoBundle {
    const { state, storage, outbox } = this.#tree
    if (!state) return { denial: UNKNOWN_TREE.denial, hidden: [], recorded: false }
    if (pointer.seq < state.bundle.seq) return { bundle: "stale", newest: state.bundle }
    const now = this.#tree.now(state)
    const prospects = visibleTools(bundle, state, ask, now)
    if (prospects.denial && isUnproven(prospects.evidence)) {
      return { denial: prospects.denial, hidden: [], recorded: false }
    }
    const place = this.#tree.transaction(storage.mustWriteLife(), () => storage.nextPlace())
    const record = (): DecisionRecord => recordListing(bundle, ask, prospects, place, now)
    outbox.keepRead(place.life, record, sizeOfListing(ask, prospects))
    this.#touched(state, now)
    return { denial: prospects.denial, hidden: [...prospects.hidden.keys()], recorded: true }
  }

  /** A call has ended, as the gateway says that let it through. @returns whether it was known to be under way */
  settle(decision: string, gateway: string): boolean {
    const { state, storage } = this.#tree
    return state !== null && storage.land(state, decision, gateway)
  }
}

/** What of a change was lent by counts that all trees share. */
function creditOf(change: TaskChange | null) {
  return change ? change.memoryUpdates.filter(({ kind }) => kind === "credit") : []
}

function causeOf(decision: string, denial: Denial | null): Cause {
  return { decision, operator: null, denial }
}

/** A denial that is no denial more: none of it is kept in mind, and it is not one too many. */
function withoutStorm(outcome: DecisionResult): DecisionResult {
  return { ...outcome, denialUpdates: [], storm: null, end: outcome.storm ? null : outcome.end }
}

/** Why a task has ended: its last denied call is recorded by itself, with a reason of its own. */
function stormRecord(
  { user }: TreeState,
  chain: readonly string[],
  { task, gateway, environment }: Pick<RefusedCall, "task" | "gateway" | "environment">,
  denial: Denial | null,
  now: number,
): DecisionRecord {
  return recordOf({
    id: newId("dec", now),
    at: now,
    kind: "end",
    code: denial ? codeOf(denial) : "unavailable",
    denial,
    task,
    gateway,
    environment,
    chain,
    user: user && userId(user),
  })
}
