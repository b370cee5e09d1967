/**
 * The life of a ledger's task trees in its object. Memory and storage never differ, the clock never runs backwards, and
 * proofs are remembered for one life. Credit is returned when no calls come. A tree is forgotten an hour after its last
 * task could act, and what its agents have done once no guardrail could look back at it. What changes a tree is in ledger.ts.
 */
import type { DecisionRecord } from "../core/record/record.ts"
import type { Guardrails } from "../core/guardrails/guardrails.ts"
import { logEvent } from "../platform/log.ts"
import { Notices } from "../notifications/notice-outbox.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { UserFacts } from "../core/policy/principals.ts"
import type { TaskEnd } from "../core/task/change.ts"
import { newSecret } from "../platform/secret.ts"
import { correctClock, isOff } from "./clock-correction.ts"
import { Credits } from "./credits.ts"
import { Outbox, RETRY_AFTER_MS } from "./record-outbox.ts"
import { Proofs } from "../core/task/proof-log.ts"
import { openingsOf } from "../core/task/openings.ts"
import { ApprovalInboxes } from "./approval-inboxes.ts"
import { forgetContinuable } from "../core/task/continuation.ts"
import { dropAllExpired } from "../core/task/labels.ts"
import { newLedger, newTree, rootOf, type LedgerState, type TreeState } from "../core/task/state.ts"
import type { Task } from "../core/task/task.ts"
import { LedgerStorage } from "./storage.ts"
import type { Opening } from "../core/task/opening-step.ts"
import { Shares } from "../core/task/shares.ts"
import { applyEnd, applyEndOfInstances, applyExpiry, dropExpiredTokens } from "../core/task/transition.ts"

export const newNonce = (): string => newSecret(16)
/** What is known of proofs in a ledger that has woken, by its clock: nothing. */
const proofsSince = (wokenAt: number): Proofs => new Proofs(newNonce(), wokenAt)

/** After this long without a call, unused credit is returned. */
const QUIET_MS = 2_000
/** A tree is forgotten this long after its last task could act: late requests still find "ended", not "unknown". */
const RETENTION_MS = 3_600_000
/** Expiry is judged when a call comes; the alarm, which only cleans up, is set for whole minutes. */
const ALARM_GRID_MS = 60_000
const coarse = (at: number): number => Math.ceil(at / ALARM_GRID_MS) * ALARM_GRID_MS
/** All trees age alike, whoever their agents are. */
const AGEING = ""
const expiryOf = ({ tasks, root }: TreeState): number => tasks.get(root)?.expiresAt ?? 0

export class Trees {
  /** Null if there is no tree yet, or none any more. */
  state: LedgerState | null
  storage: LedgerStorage
  readonly outbox: Outbox
  readonly notices: Notices
  readonly credits: Credits
  readonly approvalInboxes: ApprovalInboxes
  readonly #ctx: DurableObjectState
  readonly #env: Env
  #quietTimer: ReturnType<typeof setTimeout> | undefined
  #lastStep = 0
  /** Trees that have changed since the last time that calls paused. */
  readonly #unsettled = new Set<TreeState>()
  /** When each tree is to be looked at again; one alarm is set for the first. */
  #ageing = new Shares()
  /** `jti` of tokens that have expired, until their rows are deleted. */
  #expired: string[] = []

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx
    this.#env = env
    this.storage = new LedgerStorage(ctx.storage.sql)
    this.state = this.storage.load(Date.now(), proofsSince)
    this.outbox = new Outbox(ctx, env)
    this.notices = new Notices(ctx, env)
    this.credits = new Credits(ctx, env, () => this.state?.memories ?? null)
    this.approvalInboxes = new ApprovalInboxes(env, (work) => ctx.waitUntil(work))
    if (!this.state) return
    this.outbox.sendLeftOver()
    if (this.notices.hasAny()) this.notices.sendSoon()
    this.credits.load()
    this.#ageAll(this.state)
  }

  /** The tree of a task, by its id. Null if this ledger has none. */
  of(task: string): TreeState | null {
    if (this.state && isOff(this.state.clock, this.storage.setBack, Date.now())) this.#correctClock(this.state)
    return this.state?.trees.get(rootOf(task)) ?? null
  }

  #correctClock(state: LedgerState): void {
    const { clock } = state
    const now = Date.now()
    logEvent("clock_corrected", { ahead_ms: clock - now })
    this.transaction(true, () => {
      this.storage.settle(state, state.trees.values())
      correctClock(this.#ctx.storage.sql, clock, this.storage.setBack, now)
    })
    // Proofs that were stale by the clock that was ahead are forgotten, and would be fresh again.
    this.#reload(null)
    // What had been set for later, by the clock that was ahead.
    this.#ctx.waitUntil(this.#ctx.storage.setAlarm(coarse(this.#ageing.firstOf(AGEING) ?? now)))
  }

  /** A tree that is neither stored nor held yet. No proof can have been admitted before the ledger existed. */
  newTreeState(
    root: string,
    user: UserFacts | null,
    since: number | null,
    pointer: Pointer,
    { figuresHidden }: Pick<Guardrails, "figuresHidden">,
  ): TreeState {
    const ledger = this.state ?? newLedger(pointer, Date.now(), new Proofs(newNonce(), Number.NEGATIVE_INFINITY))
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
    this.#ageing.add(AGEING, tree.root, expiryOf(tree))
  }

  /** The ledger's own clock, clamped so that it never runs backwards, whatever became of the request that read it. */
  now({ ledger }: Pick<TreeState, "ledger">): number {
    ledger.clock = Math.max(Date.now(), ledger.clock)
    return ledger.clock
  }

  /**
   * Storage and memory never differ: if the work fails, memory is rebuilt from storage.
   * @param writes false if the work writes nothing: a transaction costs more than all the rest of a step
   */
  transaction<Result>(writes: boolean, work: () => Result): Result {
    try {
      return writes ? this.#ctx.storage.transactionSync(work) : work()
    } catch (error) {
      this.#reload()
      throw error
    }
  }

  /** @param proofs that memory keeps; null: a new life begins for them */
  #reload(proofs = this.state?.proofs ?? null): void {
    this.storage = new LedgerStorage(this.#ctx.storage.sql)
    this.state = this.storage.load(Date.now(), (wokenAt) => proofs ?? proofsSince(wokenAt))
    this.#unsettled.clear()
    this.#expired = []
    if (this.state) this.#ageAll(this.state)
  }

  #ageAll({ trees }: LedgerState): void {
    this.#ageing = new Shares()
    for (const tree of trees.values()) this.#ageing.add(AGEING, tree.root, expiryOf(tree))
  }

  /** Drops what has expired of what the ledger counts, before a step that needs room for something of this agent. */
  expire(tree: TreeState, agent: string, now: number): void {
    this.#expired.push(...dropExpiredTokens(tree, agent, now))
  }

  /** Runs in the transaction of a step. The rows of tokens that have expired go with it. */
  saveOpening(tree: TreeState, opening: Opening): void {
    this.storage.forgetTokens(this.#expired)
    this.#expired = []
    this.storage.saveOpening(tree, opening, this.now(tree))
  }

  /** Changes memory as storage was changed. */
  end(state: TreeState, ids: readonly string[], end: TaskEnd): void {
    applyEnd(state, ids, end)
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

  /** Nothing is admitted any more: the guardrails' memory is useless, and other trees can use what was lent. */
  #shrink(state: TreeState): void {
    this.transaction(true, () => this.storage.forgetMemory(state))
    state.ledger.memories.drop(state.root)
    this.credits.returnAllCredit(state.ledger.memories)
  }

  /** Stores a record of the tree, with its number; the caller is inside the step's transaction. */
  keepRecord({ root }: TreeState, record: DecisionRecord): void {
    this.outbox.keep({ ...record, ...this.storage.records.next(root) })
  }

  /** A step was made. Once no more have come for a while, what was written in advance is settled. */
  scheduleFlush(tree: TreeState, now: number): void {
    this.#lastStep = now
    this.#unsettled.add(tree)
    this.#quietTimer ??= setTimeout(() => this.#settle(), QUIET_MS)
  }

  #settle(): void {
    this.#quietTimer = undefined
    const { state } = this
    if (!state) return
    const quietFor = Date.now() - this.#lastStep
    if (quietFor < QUIET_MS) this.#quietTimer = setTimeout(() => this.#settle(), QUIET_MS - quietFor)
    else {
      this.transaction(true, () => {
        const trees = [...this.#unsettled].filter(({ root }) => state.trees.has(root))
        this.storage.settle(state, trees)
      })
      this.#unsettled.clear()
      this.credits.returnAllCredit(state.memories)
    }
  }

  /** A tree has just been stored. The alarm that is set for trees before it will do for it, unless it expires first. */
  async keepAlarm({ root }: TreeState): Promise<void> {
    const now = Date.now()
    const first = this.#ageing.firstOf(AGEING)
    const unsent = this.notices.retryAfter(now)
    if (unsent === null && first !== this.#ageing.untilOf(AGEING, root)) return
    const at = Math.min(coarse(first ?? now), unsent === null ? Number.POSITIVE_INFINITY : now + unsent)
    // For the first tree nothing is awaited before the alarm is set: it is as durable as the tree.
    const isFirst = (this.state?.trees.size ?? 0) <= 1 && this.state?.carried.size === 0
    const alarm = isFirst ? null : await this.#ctx.storage.getAlarm()
    if (alarm === null || alarm > at) await this.#ctx.storage.setAlarm(at)
  }

  /**
   * On the object's alarm: sends the records and notices that are left over and, in its time, forgets each tree; and
   * deletes everything once nothing is left that could matter to another.
   */
  async onAlarm(): Promise<void> {
    if (!this.state) return
    await Promise.all([this.outbox.send(), this.notices.send()])
    const { state } = this
    if (!state) return
    const now = Date.now()
    for (const root of this.#ageing.expire(AGEING, now)) {
      const tree = state.trees.get(root)
      const at = tree ? this.#age(tree, now) : null
      if (at !== null) this.#ageing.add(AGEING, root, at)
    }
    const first = this.#ageing.firstOf(AGEING)
    const next = first === null ? [] : [coarse(first)]
    // What agents have done outlives the trees in which they did it.
    if (first === null) next.push(...[this.storage.lastUntil()].filter((until) => until > now).map(coarse))
    const unsent = [this.outbox.hasStored() ? RETRY_AFTER_MS : null, this.notices.retryAfter(now)]
    next.push(...unsent.flatMap((after) => (after === null ? [] : now + after)))
    next.push(...this.#ageLabels(state, now))
    if (next.length > 0) {
      await this.#ctx.storage.setAlarm(Math.min(...next))
      return
    }
    await this.#ctx.storage.deleteAll()
    this.#reload()
  }

  /** @returns milliseconds, when the last label is no longer carried: the ledger remains until then, even without a tree */
  #ageLabels(state: LedgerState, now: number): readonly number[] {
    this.transaction(true, () => this.storage.labels.forgetExpired(now))
    const last = dropAllExpired(state, now)
    return last === null ? [] : [last]
  }

  /**
   * Shrinks a tree that has expired, and forgets it after its retention.
   * @returns milliseconds, when the tree is to be looked at again; null if it is forgotten
   */
  #age(tree: TreeState, now: number): number | null {
    const expiresAt = expiryOf(tree)
    if (now < expiresAt) return expiresAt
    this.#forgetInstances(applyExpiry(tree.ledger, [...tree.tasks.values()]))
    if (now < expiresAt + RETENTION_MS) {
      this.#shrink(tree)
      return expiresAt + RETENTION_MS
    }
    this.forget(tree)
    return null
  }

  /** Nothing of the tree is left, except for what its agents have done. */
  forget(tree: TreeState): void {
    this.transaction(true, () => this.storage.forgetTree(tree))
    tree.ledger.liveTokens.dropAll(tree)
    this.#ageing.remove(AGEING, tree.root)
    const root = tree.tasks.get(tree.root)
    if (root) {
      openingsOf(tree).end(root)
      forgetContinuable(tree.ledger, root)
    }
    tree.ledger.trees.delete(tree.root)
  }
}
