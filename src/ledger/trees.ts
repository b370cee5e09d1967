/**
 * The life of a ledger's task trees in its object. Memory and storage never differ, the clock never runs backwards, and
 * proofs are remembered for one life. A tree is forgotten an hour after its last
 * task could act, and what its agents have done once no guardrail could look back at it. What changes a tree is in ledger.ts.
 */
import type { DecisionRecord } from "../core/record/record.ts"
import { clockStep } from "../core/guardrails/clock-step.ts"
import type { Guardrails } from "../core/guardrails/guardrails.ts"
import { logEvent } from "../platform/log.ts"
import { Notices } from "../notifications/notice-outbox.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { UserFacts } from "../core/policy/principals.ts"
import type { TaskEnd } from "../core/task/change.ts"
import { Credits } from "./credits.ts"
import { RecentEnds } from "./recent-ends.ts"
import { Outbox, RETRY_AFTER_MS } from "./record-outbox.ts"
import { openingsOf } from "../core/task/openings.ts"
import { Ageing, coarse, expiryOf, EndedTrees } from "./ageing.ts"
import { ApprovalInboxes } from "./approval-inboxes.ts"
import { ApprovalWaits } from "./approval-waits.ts"
import { forgetContinuable } from "../core/task/continuation.ts"
import { dropAllExpired } from "../core/task/labels.ts"
import { newLedger, newTree, rootOf, type LedgerState, type TreeState } from "../core/task/state.ts"
import type { Task } from "../core/task/task.ts"
import { proofsSince } from "./new-proofs.ts"
import { Pauses } from "./pauses.ts"
import { storageOf, type LedgerStorage } from "./storage.ts"
import type { Opening } from "../core/task/opening-step.ts"
import { applyEnd, applyEndOfInstances, applyExpiry } from "../core/task/transition.ts"

export class Trees {
  /** Null if there is no tree yet, or none any more. */
  state: LedgerState | null
  storage: LedgerStorage
  readonly outbox: Outbox
  readonly notices: Notices
  readonly credits: Credits
  readonly approvalInboxes: ApprovalInboxes
  readonly recentEnds = new RecentEnds()
  readonly approvalWaits = new ApprovalWaits()
  readonly #ctx: DurableObjectState
  readonly #env: Env
  readonly #pauses = new Pauses(() => {
    if (this.state) this.credits.returnAllCredit(this.state.memories)
  })
  #ageing = new Ageing()
  readonly #ended = new EndedTrees((tree) => this.#drop(tree))

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx
    this.#env = env
    this.storage = storageOf(ctx)
    this.state = this.storage.load(Date.now(), proofsSince)
    this.outbox = new Outbox(ctx, env, () => this.storage.journal)
    this.notices = new Notices(ctx, env)
    this.credits = new Credits(ctx, env, () => this.state?.memories ?? null)
    this.approvalInboxes = new ApprovalInboxes(env, this.approvalWaits, (work) => ctx.waitUntil(work))
    if (!this.state) return
    this.outbox.sendLeftOver()
    if (this.notices.hasAny()) this.notices.sendSoon()
    this.credits.load()
    this.#ageing = new Ageing(this.state.trees.values())
  }

  /** The tree of a task, by its id; `at` is by the platform's clock. Null if this ledger has none. */
  of(task: string, at = Date.now()): TreeState | null {
    this.#keepTime(at)
    const root = rootOf(task)
    return this.state?.trees.get(root) ?? this.#recall(root)
  }

  /** A tree that had ended when the ledger woke, or has expired since. */
  #recall(root: string): TreeState | null {
    const tree = this.state && this.storage.recall(this.state, root)
    if (tree) this.#ended.add(tree)
    return tree
  }

  /** Before anything of a request is looked at: a correction reads the state from storage again. */
  #keepTime(now: number): void {
    const clock = this.state?.clock ?? now
    const step = clockStep(clock, this.storage.setBack, now)
    if (!step) return
    logEvent("clock_corrected", { ahead_ms: -step.by })
    this.transaction(true, () => this.storage.correctClock(clock, step, now))
    // Proofs that were stale by the clock that was ahead are forgotten, and would be fresh again.
    this.#reload(null, now)
    // What had been set for later, by the clock that was ahead; records that wait are sent at once.
    const at = this.outbox.hasStored() ? now : coarse(this.#ageing.first ?? now)
    this.#ctx.waitUntil(this.#ctx.storage.setAlarm(at))
  }

  /** A tree that is neither stored nor held yet. No proof can have been admitted before the ledger existed. */
  newTreeState(
    root: string,
    user: UserFacts | null,
    since: number | null,
    pointer: Pointer,
    { figuresHidden }: Pick<Guardrails, "figuresHidden">,
  ): TreeState {
    const ledger = this.state ?? newLedger(pointer, Date.now(), proofsSince(Number.NEGATIVE_INFINITY))
    if (!this.state) for (const guardrail of figuresHidden) ledger.hidden.add(guardrail)
    const tree = newTree(ledger, root, user, since ?? 0)
    if (since === null) tree.since = this.now(tree)
    return tree
  }

  /** From now on the tree is one of the ledger's; it is stored. */
  hold(tree: TreeState): void {
    this.state = tree.ledger
    if (!tree.ledger.trees.has(tree.root)) tree.ledger.memories.begin(tree.root)
    tree.ledger.trees.set(tree.root, tree)
    this.#ageing.add(tree)
  }

  /** The ledger's own clock: it never runs backwards, and stands still until a step of the platform's is corrected. */
  now({ ledger }: Pick<TreeState, "ledger">, at = Date.now()): number {
    if (at > ledger.clock && !clockStep(ledger.clock, this.storage.setBack, at)) ledger.clock = at
    return ledger.clock
  }

  /**
   * Storage and memory never differ: if the work fails, memory is rebuilt from storage.
   * @param writes false: it writes nothing, and needs no transaction, which costs more than all the rest of a step.
   *   "soon": its row is written once the answer has left, because all that the answer depends on is durable already; or
   *   together with the row of the next step, if that comes first
   */
  transaction<Result>(writes: boolean | "soon", work: () => Result): Result {
    const { journal } = this.storage
    const isSoon = writes === "soon" && !journal.isBehind
    const step = (): Result => {
      const result = work()
      if (isSoon) journal.postpone()
      else journal.commit(this.state?.clock ?? Date.now())
      return result
    }
    if (isSoon) setTimeout(() => this.transaction(false, () => undefined), 0)
    try {
      return isSoon || (writes === false && !journal.isBehind) ? step() : this.#ctx.storage.transactionSync(step)
    } catch (error) {
      this.#reload()
      throw error
    }
  }

  /** @param proofs that memory keeps; null: the clock has just been corrected, and a new life begins for them */
  #reload(proofs = this.state?.proofs ?? null, now = Date.now()): void {
    this.storage = storageOf(this.#ctx)
    this.state = this.storage.load(now, (wokenAt) => proofs ?? proofsSince(wokenAt), proofs === null)
    this.#ended.clear()
    if (this.state) this.#ageing = new Ageing(this.state.trees.values())
  }

  /**
   * Runs in the transaction of a step.
   * @param lost `jti` of tokens that end by it
   */
  saveOpening(tree: TreeState, opening: Opening, lost: readonly string[] = []): void {
    this.storage.saveOpening(tree, opening, lost, this.now(tree))
  }

  /** Changes memory as storage was changed. */
  end(state: TreeState, ids: readonly string[], end: TaskEnd): void {
    applyEnd(state, ids, end)
    for (const id of ids) this.recentEnds.add(id, this.now(state))
    this.approvalInboxes.withdrawEnded(state, ids, end, this.now(state))
    if (end.status === "quarantined") return
    const ended = ids.flatMap((id) => state.tasks.get(id) ?? [])
    this.#forgetInstances(applyEndOfInstances(state.ledger, ended))
    const root = state.tasks.get(state.root)
    if (!root || !ids.includes(root.id)) return
    this.#shrink(state)
  }

  /** @param last the last tasks of theirs: an instance has rows only while isolated tasks of it are alive */
  #forgetInstances(last: readonly Task[]): void {
    if (last.length === 0) return
    this.transaction(true, () => {
      for (const task of last) this.storage.labels.forgetInstance(task)
    })
  }

  /**
   * Nothing is admitted any more: the guardrails' memory is useless, and other trees can use what was lent. The tree is
   * read from storage if a request still names it, unless a task of it is quarantined.
   */
  #shrink(state: TreeState, now = this.now(state)): void {
    const isFrozen = [...state.tasks.values()].some((task) => task.status === "quarantined" && now < task.expiresAt)
    this.transaction(true, () => {
      this.storage.forgetMemory(state)
      if (!isFrozen) this.storage.trees.end(state, Math.min(now, expiryOf(state)))
    })
    state.ledger.memories.drop(state.root)
    this.credits.returnAllCredit(state.ledger.memories)
    if (isFrozen) return
    // The call that finished a plan may be repeated.
    if (state.retries.size > 0) this.#ended.add(state)
    else this.#drop(state)
  }

  #drop(tree: TreeState): void {
    const root = tree.tasks.get(tree.root)
    if (root) {
      openingsOf(tree).end(root)
      forgetContinuable(tree.ledger, root)
    }
    tree.ledger.liveTokens.release(tree)
    tree.ledger.trees.delete(tree.root)
    this.#ageing.remove(tree.root)
    this.storage.release(tree)
  }

  /** Stores a record of the tree, with its number; the caller is inside the step's transaction. */
  keepRecord({ root }: TreeState, record: DecisionRecord): void {
    this.outbox.keep({ ...record, ...this.storage.records.next(root) })
  }

  /**
   * Whether the record of a read is stored with its step, to be sent together with others: where a row is written
   * anyway, or where no other call came for a while, so that a timer would only keep the object awake.
   */
  keepsLate(writes: boolean, now: number): boolean {
    return this.outbox.maySendLate && (writes || this.#pauses.isLone(now))
  }

  /** A step was made. Credit that is held is returned once no more have come for a while: others could use it. */
  returnCreditWhenQuiet(now: number): void {
    this.#pauses.step(now, this.credits.isHeld)
  }

  /** A tree has just been stored. The alarm that is set for trees before it will do for it, unless it expires first. */
  async keepAlarm({ root }: TreeState): Promise<void> {
    const now = Date.now()
    const { first } = this.#ageing
    const unsent = this.notices.retryAfter(now)
    if (unsent === null && !this.#ageing.isFirst(root)) return
    const at = Math.min(coarse(first ?? now), unsent === null ? Number.POSITIVE_INFINITY : now + unsent)
    // For the first tree nothing is awaited before the alarm is set: it is as durable as the tree.
    const isFirst =
      (this.state?.trees.size ?? 0) <= 1 && this.state?.carried.size === 0 && !this.storage.trees.hasEnded()
    const alarm = isFirst ? null : await this.#ctx.storage.getAlarm()
    if (alarm === null || alarm > at) await this.#ctx.storage.setAlarm(at)
  }

  /**
   * On the object's alarm: sends the records and notices that are left over and, in its time, forgets each tree; and
   * deletes everything once nothing is left that could matter to another.
   */
  async onAlarm(): Promise<void> {
    if (!this.state) return
    await Promise.all([this.outbox.sendUnsent(), this.notices.send()])
    this.#keepTime(Date.now())
    const { state } = this
    if (!state) return
    const now = this.now({ ledger: state })
    for (const root of this.#ageing.due(now)) {
      const tree = state.trees.get(root)
      if (tree) this.#age(tree, now)
    }
    const { first } = this.#ageing
    const kept = this.transaction(true, () => this.storage.forgetEnded(now))
    const next = [first, kept].flatMap((at) => (at === null ? [] : [coarse(at)]))
    // What agents have done outlives the trees in which they did it.
    if (next.length === 0)
      next.push(
        ...[this.transaction(true, () => this.storage.lastUntil(now))].filter((until) => until > now).map(coarse),
      )
    const unsent = [this.outbox.hasUnsent() ? RETRY_AFTER_MS : null, this.notices.retryAfter(now)]
    next.push(...unsent.flatMap((after) => (after === null ? [] : now + after)))
    next.push(...this.#ageLabels(state, now))
    // Whatever is due by then, and by whatever clock: an alarm that sets the next one in the past would follow at once.
    if (next.length > 0) return this.#ctx.storage.setAlarm(Math.max(Date.now() + RETRY_AFTER_MS, Math.min(...next)))
    // Only the first partition of an agent knows how many there are, or were: it stays.
    if (state.home?.index === 0) return
    await this.#ctx.storage.deleteAll()
    this.#reload()
  }

  /** @returns milliseconds, when the last label is no longer carried: the ledger remains until then, even without a tree */
  #ageLabels(state: LedgerState, now: number): readonly number[] {
    this.transaction(true, () => this.storage.labels.forgetExpired(now))
    const last = dropAllExpired(state, now)
    return last === null ? [] : [last]
  }

  /** A tree that has expired. One that lives longer than was foreseen is to be looked at again. */
  #age(tree: TreeState, now: number): void {
    if (now < expiryOf(tree)) return this.#ageing.add(tree)
    this.#forgetInstances(applyExpiry(tree.ledger, [...tree.tasks.values()]))
    tree.retries.clear()
    this.#shrink(tree, now)
  }

  /** Nothing of the tree is left, except for what its agents have done. */
  forget(tree: TreeState): void {
    this.transaction(true, () => this.storage.forgetTree(tree.root))
    tree.ledger.liveTokens.dropAll(tree)
    this.#drop(tree)
  }
}
