/**
 * The life of a task tree in its object. Memory and storage never differ, the clock never runs backwards, and proofs
 * are remembered for one life. Credit is returned when no calls come, and everything is deleted an hour after the last
 * task could act. What changes the tree is in ledger.ts.
 */
import type { DecisionRecord } from "../core/record/record.ts"
import { ANY_USER, taskQuotaOf } from "./task-quota.ts"
import type { Guardrails } from "../core/guardrails/guardrails.ts"
import { logEvent } from "../platform/log.ts"
import { Notices } from "../notifications/notice-outbox.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { userId, type UserFacts } from "../core/policy/principals.ts"
import type { TaskEnd } from "../core/task/change.ts"
import { newSecret } from "../platform/secret.ts"
import { Credits } from "./credits.ts"
import { Outbox, RETRY_AFTER_MS } from "./record-outbox.ts"
import { ProofLog } from "../core/task/proof-log.ts"
import { Questions } from "./questions.ts"
import { newTree, type TreeState } from "../core/task/state.ts"
import { LedgerStorage } from "./storage.ts"
import { applyEnd } from "../core/task/transition.ts"

/** Proofs remembered at most; each takes about a hundred bytes. */
const MAX_PROOFS = 20_000

/** The log of a ledger that has woken, by its clock. */
const proofsSince = (wokenAt: number): ProofLog => new ProofLog(newSecret(16), wokenAt)

/** After this long without a call, unused credit is returned. */
const QUIET_MS = 2_000
/** A tree is forgotten this long after its last task could act: late requests still find "ended", not "unknown". */
const RETENTION_MS = 3_600_000

export class Tree {
  /** Null if there is none yet, or none any more. */
  state: TreeState | null
  storage: LedgerStorage
  readonly outbox: Outbox
  readonly notices: Notices
  readonly credits: Credits
  readonly questions: Questions
  readonly #ctx: DurableObjectState
  readonly #env: Env
  #quietTimer: ReturnType<typeof setTimeout> | undefined
  #lastStep = 0
  /** Releases of slots that failed, by agent and user. */
  readonly #owed = new Map<string, () => Promise<void>>()

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx
    this.#env = env
    this.storage = new LedgerStorage(ctx.storage.sql)
    this.state = this.storage.load(Date.now(), proofsSince)
    this.outbox = new Outbox(ctx, env)
    this.notices = new Notices(ctx, env)
    this.credits = new Credits(ctx, env, () => this.state?.memory ?? null)
    this.questions = new Questions(env, (work) => ctx.waitUntil(work))
    if (!this.state) return
    this.outbox.sendLeftOver()
    if (this.notices.hasAny()) this.notices.sendSoon()
    this.credits.load(this.state.root)
    this.#giveBackOfEnded(this.state)
  }

  /** A state that is not stored yet. No proof can have been admitted before it existed. */
  newTreeState(
    root: string,
    user: UserFacts | null,
    since: number | null,
    pointer: Pointer,
    { telltales }: Pick<Guardrails, "telltales">,
  ): TreeState {
    const now = Date.now()
    const proofs = new ProofLog(newSecret(16), Number.NEGATIVE_INFINITY)
    const state = newTree(root, user, since ?? now, pointer, now, proofs)
    for (const guardrail of telltales) state.hidden.add(guardrail)
    return state
  }

  /** The tree's own clock, clamped so that it never runs backwards, whatever became of the request that read it. */
  now(state: TreeState): number {
    state.clock = Math.max(Date.now(), state.clock)
    return state.clock
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

  #reload(): void {
    this.storage = new LedgerStorage(this.#ctx.storage.sql)
    // Memory keeps the proofs that it has.
    const proofs = this.state?.proofs
    this.state = this.storage.load(Date.now(), (wokenAt) => proofs ?? proofsSince(wokenAt))
  }

  /** Changes memory as storage was changed. A tree whose root has ended releases its slot. */
  end(state: TreeState, ids: readonly string[], end: TaskEnd): void {
    applyEnd(state, ids, end)
    this.questions.withdrawEnded(state, ids, end, this.now(state))
    const root = state.tasks.get(state.root)
    if (!root || end.status === "quarantined" || !ids.includes(root.id)) return
    this.#shrink(state)
    this.#giveBackOfEnded(state)
  }

  /** Runs again after each waking, because this object may have died before its slot was released. */
  #giveBackOfEnded(state: TreeState): void {
    const root = state.tasks.get(state.root)
    if (!root || (root.status !== "completed" && root.status !== "revoked") || Date.now() >= root.expiresAt) return
    this.releaseSlot(root.agent, state.user && userId(state.user), root.id)
    // While a person's consent is awaited, it has a second slot among the consents of its agent.
    if (state.consent && !state.consent.isRedeemed) this.releaseSlot(root.agent, ANY_USER, root.id)
  }

  /** Nothing is admitted any more: the guardrails' memory is useless, and other trees can use what was lent. */
  #shrink(state: TreeState): void {
    this.transaction(true, () => this.storage.forgetMemory())
    this.credits.giveBackAll(state.memory)
  }

  /** Ended for good. A task that waits for consent, or is quarantined, has not ended. */
  hasEnded(state: TreeState): boolean {
    const root = state.tasks.get(state.root)
    return !root || this.now(state) >= root.expiresAt || root.status === "completed" || root.status === "revoked"
  }

  /** Repeated until the slot is released; at the latest, it is free again when the tree would have expired. */
  releaseSlot(agent: string, user: string | null, root: string): void {
    const key = JSON.stringify([agent, user])
    const attempt = async (): Promise<void> => {
      try {
        await taskQuotaOf(this.#env, agent, user).releaseSlot(root)
        this.#owed.delete(key)
      } catch (error) {
        logEvent("place_kept", { error: String(error) })
        this.#owed.set(key, attempt)
        await this.#wakeWithin(RETRY_AFTER_MS)
      }
    }
    this.#ctx.waitUntil(attempt())
  }

  async #wakeWithin(milliseconds: number): Promise<void> {
    const [at, alarm] = [Date.now() + milliseconds, await this.#ctx.storage.getAlarm()]
    if (alarm === null || alarm > at) await this.#ctx.storage.setAlarm(at)
  }

  /** Begins a new life, as after waking: proofs that were admitted before this moment then lack the new nonce. */
  boundProofs(state: TreeState, now: number): void {
    if (state.proofs.size >= MAX_PROOFS) state.proofs = new ProofLog(newSecret(16), now)
  }

  withNumber(record: DecisionRecord): DecisionRecord {
    return { ...record, ...this.storage.records.next() }
  }

  /** A step was made. Once no more have come for a while, what was written in advance is settled. */
  scheduleFlush(now: number): void {
    this.#lastStep = now
    this.#quietTimer ??= setTimeout(() => this.#settle(), QUIET_MS)
  }

  #settle(): void {
    this.#quietTimer = undefined
    const { state } = this
    if (!state) return
    const quietFor = Date.now() - this.#lastStep
    if (quietFor < QUIET_MS) this.#quietTimer = setTimeout(() => this.#settle(), QUIET_MS - quietFor)
    else {
      this.transaction(true, () => this.storage.settle(state))
      this.credits.giveBackAll(state.memory)
    }
  }

  /** @param lastAt milliseconds, when its last task could act */
  async keepUntil(lastAt: number): Promise<void> {
    const now = Date.now()
    const unsent = this.notices.retryAfter(now)
    await this.#ctx.storage.setAlarm(unsent === null ? lastAt : Math.min(lastAt, now + unsent))
  }

  /** On the object's alarm: sends the records and notices that are left over and, in its time, deletes everything. */
  async onAlarm(): Promise<void> {
    if (!this.state) return
    await Promise.all([this.outbox.send(), this.notices.send(), ...[...this.#owed.values()].map((again) => again())])
    const root = this.state?.tasks.get(this.state.root)
    if (!root) return
    const now = Date.now()
    const hasExpired = now >= root.expiresAt
    if (hasExpired) this.#shrink(this.state)
    const forgetAt = root.expiresAt + RETENTION_MS
    const isOwed = this.outbox.hasStored() || (this.#owed.size > 0 && !hasExpired)
    const unsent = [isOwed ? RETRY_AFTER_MS : null, this.notices.retryAfter(now)]
    const tries = unsent.flatMap((after) => (after === null ? [] : now + after))
    const next = [hasExpired ? forgetAt : root.expiresAt, ...tries].filter((at) => at > now)
    if (next.length > 0) {
      await this.#ctx.storage.setAlarm(Math.min(...next))
      return
    }
    await this.#ctx.storage.deleteAll()
    this.#reload()
  }
}
