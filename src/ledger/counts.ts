/**
 * Counts that all ledgers share, as one ledger knows them: the credit that it holds of each, whether the
 * count's object answers, and when credit is returned. A count that is no longer of use is dropped, however many keys
 * there were.
 */
import { Borrowing } from "../core/guardrails/lending/borrowing.ts"
import type { Settled } from "../core/guardrails/lending/lending.ts"
import type { Need } from "../core/guardrails/kind.ts"
import type { Memories } from "../core/task/memories.ts"
import type { Settlements } from "./settlements.ts"

/** After a failure an object gets no request for this long; calls that need it are denied at once. */
const PAUSE_MS = 5_000
/** Counts of which no credit is held at the moment; beyond this number the oldest is dropped. */
const MOST_IDLE = 1_000
/** Credit that was granted to a call which is denied all the same is returned after this. */
const SETTLED_WITHIN_MS = 20

export class SharedCount {
  readonly owner: string
  /** Values of the guardrail's `per`. */
  readonly key: string
  readonly guardrail: string
  readonly borrowing = new Borrowing()
  /**
   * Requests in progress; and calls that have requested credit and are still to be decided, which need what they were
   * lent.
   */
  underWay = 0
  undecided = 0
  /** Milliseconds since the epoch when credit is to be returned, or used credit to be settled; infinity: never. */
  dueAt = Number.POSITIVE_INFINITY
  /** Of a limit that is lent in blocks, the latest block. */
  answer: Promise<{ readonly kind: "refused" | "exact" | "room" | "lent" | "unavailable" }> | null = null
  /** What all undecided calls need, in whichever of their rounds they are. */
  demand = 0
  /** Whether answers arrive later than what they grant may be used. */
  isSlow = false
  /** Milliseconds since the epoch, when the object may get a request again; null: it has answered. */
  #pausedUntil: number | null = null
  #failedAt = 0

  constructor(owner: string, key: string, guardrail: string) {
    this.owner = owner
    this.key = key
    this.guardrail = guardrail
  }

  /** After a failure no request is made for a while, and then one, whose answer counts for all other calls. */
  mayAsk(now: number): boolean {
    if (this.#pausedUntil === null) return true
    const isOver = now >= this.#pausedUntil || now < this.#failedAt
    return isOver && this.underWay === 0
  }

  /** With what was to be settled. */
  answered(): void {
    this.#pausedUntil = null
    this.dueAt = this.borrowing.dueAt ?? Number.POSITIVE_INFINITY
  }

  /** Unless a request does so before: a call that needs more makes one at once. */
  settleSoon(now: number): void {
    this.dueAt = Math.min(this.dueAt, now + SETTLED_WITHIN_MS)
  }

  failed(now: number): void {
    this.#failedAt = now
    this.#pausedUntil = now + PAUSE_MS
  }

  get isIdle(): boolean {
    const isUsed = this.underWay > 0 || this.undecided > 0 || this.demand > 0 || !this.borrowing.isEmpty
    return !isUsed && this.dueAt === Number.POSITIVE_INFINITY
  }

  /** Whether it is as a count that was never requested. */
  isForgotten(now: number): boolean {
    return this.isIdle && !this.isSlow && this.#pausedUntil === null && this.borrowing.isIdle(now)
  }
}

/** What shared limits have lent to a ledger. */
export type Lent = Pick<Memories, "credits">

export class Counts {
  readonly #settlements: Settlements
  readonly #returnDue: () => void
  readonly #counts = new Map<string, SharedCount>()
  /** Milliseconds since the epoch, when credit has to be returned; infinity: none is held. */
  #dueAt = Number.POSITIVE_INFINITY
  #lookedAt = 0
  #timer: ReturnType<typeof setTimeout> | undefined

  /** @param returnDue called when something is due */
  constructor(settlements: Settlements, returnDue: () => void) {
    this.#settlements = settlements
    this.#returnDue = returnDue
  }

  of({ owner, key, limit }: Need): SharedCount {
    const name = nameOf(owner, key)
    let count = this.#counts.get(name)
    if (!count) this.#counts.set(name, (count = new SharedCount(owner, key, limit.id)))
    return count
  }

  find(owner: string, key: string): SharedCount | undefined {
    return this.#counts.get(nameOf(owner, key))
  }

  get size(): number {
    return this.#counts.size
  }

  /** Of all blocks that are held. */
  ids(): ReadonlySet<string> {
    return new Set([...this.#counts.values()].flatMap(({ borrowing }) => borrowing.blocks.map(({ id }) => id)))
  }

  /** To be called after a call was decided. */
  prune(ledger: Lent, { owner, place, values }: Need, count: SharedCount): void {
    count.undecided -= 1
    // Values are requested for one call at a time, and what never fits is not lent: the count must not stay.
    const credit = ledger.credits.find(owner, place)
    if (values !== null || credit?.left === 0) ledger.credits.drop(owner, place)
    this.#settle(count, count.borrowing.usedUp(leftOf(ledger, count)))
    this.watch(count)
    if (count.isForgotten(Date.now())) this.#drop(ledger, count)
    else if (this.#counts.size > MOST_IDLE) this.#dropOldest(ledger)
  }

  /** A call that needed so much of it has been decided. */
  release(count: SharedCount, amount: number): void {
    count.demand -= amount
    if (count.isForgotten(Date.now())) this.#counts.delete(nameOf(count.owner, count.key))
  }

  /** All that is left of one block. */
  returnUnusedCredit(ledger: Lent, count: SharedCount): void {
    const credit = ledger.credits.find(count.owner, count.key)
    this.#settle(count, count.borrowing.usedUp(credit?.left ?? 0))
    this.#settle(count, count.borrowing.returnUnusedCredit(credit?.left ?? 0))
    if (credit) ledger.credits.set(count.owner, count.key, { ...credit, left: 0 })
  }

  returnDueCredit(ledger: Lent, now: number): void {
    const hasSteppedBack = now < this.#lookedAt
    this.#lookedAt = now
    if (now < this.#dueAt && !hasSteppedBack) return
    this.#dueAt = Number.POSITIVE_INFINITY
    for (const count of this.#counts.values()) {
      const isDue = now >= count.dueAt || count.borrowing.isDue(now)
      // A request in progress has settled what there was to settle.
      if (isDue && count.undecided === 0 && count.underWay === 0) {
        if (count.borrowing.isDue(now)) this.returnUnusedCredit(ledger, count)
        this.#settlements.sendSoon(count)
        count.dueAt = count.borrowing.dueAt ?? Number.POSITIVE_INFINITY
      }
      if (count.isForgotten(now)) this.#drop(ledger, count)
      else this.watch(count)
    }
  }

  returnAllCredit(ledger: Lent): void {
    for (const count of this.#counts.values()) {
      this.returnUnusedCredit(ledger, count)
      if (count.underWay === 0) this.#drop(ledger, count)
    }
    this.#settlements.sendSoon()
  }

  #settle(count: SharedCount, settled: readonly Settled[]): void {
    for (const { id, used } of settled) this.#settlements.add(id, count, used)
  }

  /** Handles the count when it is due. */
  watch({ dueAt, undecided, underWay }: SharedCount): void {
    if (undecided > 0 || underWay > 0 || dueAt >= this.#dueAt) return
    this.#dueAt = dueAt
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#returnDue, Math.max(0, dueAt - Date.now()))
  }

  #dropOldest(ledger: Lent): void {
    for (const count of this.#counts.values()) if (count.isIdle) return this.#drop(ledger, count)
  }

  #drop(ledger: Lent, { owner, key }: SharedCount): void {
    this.#counts.delete(nameOf(owner, key))
    ledger.credits.drop(owner, key)
  }
}

function leftOf(ledger: Lent, { owner, key }: SharedCount): number {
  return ledger.credits.find(owner, key)?.left ?? 0
}

function nameOf(owner: string, key: string): string {
  return `${owner}|${key}`
}
