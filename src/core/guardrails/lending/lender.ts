/**
 * The count of one shared limit, and the credit that is lent of it (lending.ts has the contract). Each grant keeps the
 * sum of open blocks and of closed uses in the span within the limit. As each use happened between the grant of its
 * block and the arrival of its settlement, no span can exceed the limit. Pure: the Durable Object
 * (ledger/shared-limit.ts) provides the time, and stores what `drain` returns before it answers.
 */
import { Bucket, bucketOf, pastOf } from "./bucket.ts"
import { ClosedBlocks, isClosed } from "./closed.ts"
import { fullAfter, inUnitsOf, tokensIn, tokenUnits, waitFor, type LentBucket } from "./level.ts"
import { OpenBlocks } from "./open.ts"
import { clockStep, type ClockStep, type SetBack } from "../clock-step.ts"
import { NOTHING_STORED, UnwrittenRows, type Block, type State, type Stored, type Writes } from "./rows.ts"
import { check, checkSettled, checkTake } from "./validation.ts"
import { cutoffOf, leavesAt } from "./span.ts"
import { creditOf, lastsFor } from "./terms.ts"
import { LentValues } from "./values.ts"
import type { LentLimit, NotLent, Settled, Take, TakeAnswer } from "./lending.ts"

/**
 * With more open blocks than this, no credit beyond the need is lent: each block is a row, and its holder may have to
 * be asked.
 */
const MAX_OPEN = 1_000
/** The definition is kept while an older bundle may still be in use. */
const FORGET_AFTER_MS = 120_000
/** How many outdated rows are deleted at once. */
const LEFT_OVER = 64

export class Lender {
  #limit: LentLimit | null = null
  #clock = 0
  #setBack: SetBack = null
  readonly #open: OpenBlocks
  readonly #closed: ClosedBlocks
  readonly #values: LentValues
  /** Milliseconds since the epoch; the definition is no older. */
  #definedAt = 0
  #isStateWritten = true
  readonly #unwrittenBlocks = new UnwrittenRows<string, Block>()

  /** @param stored what was drained before, in any order */
  constructor(stored: Stored | null) {
    const { state, blocks, slots, values }: Omit<Stored, "state"> & { readonly state: State | null } =
      stored ?? NOTHING_STORED
    const closed = blocks.filter(isClosed).toSorted((a, b) => a.closedAt - b.closedAt)
    const merged = slots.toSorted((a, b) => a.from - b.from)
    this.#closed = new ClosedBlocks(closed, merged, this.#unwrittenBlocks, state && bucketOf(state))
    this.#values = new LentValues(values.toSorted((a, b) => a.at - b.at))
    this.#open = new OpenBlocks(blocks.filter((block) => !isClosed(block)))
    this.#clock = Math.max(state?.clock ?? 0, this.#closed.lastAt, this.#values.lastAt, this.#open.lastAt)
    if (!state) return
    this.#limit = state.limit
    this.#definedAt = state.clock
    this.#setBack = state.setBack ?? null
  }

  /**
   * Throws if the take is malformed, or has another measure than a newer bundle's definition.
   * @param now milliseconds, by the platform's clock (../clock-step.ts)
   */
  take(take: Take, now: number): TakeAnswer {
    checkTake(take)
    this.#advance(now)
    for (const settled of take.settled) this.#settleOne(take.holder, settled)
    const limit = this.#define(take.limit)
    if (take.values) return this.#values.take(take, new Set(take.values), limit, this.#clock, this.#setBackBy)
    const { id, holder, amount, want, least = 0, open = false, over = false } = take
    const block = this.#open.get(id) ?? this.#closed.get(id)
    const room = this.#room(limit)
    if (block) return this.#repeat(block, holder, this.#lasts(limit, room))
    const used = this.#used(limit)
    if (amount === 0) return { granted: 0, used, since: this.#clock, lasts: 0 }
    if (amount > room && !over) return { granted: null, used, waits: this.#waits(limit, amount, room) }
    if (take.look) return { granted: 0, used, since: this.#clock, lasts: 0 }
    const lasts = this.#lasts(limit, room - amount)
    const credit = lasts > 0 ? Math.min(want - amount, creditOf(limit, room - amount)) : 0
    const granted = credit < least ? amount : amount + credit
    this.#grant({ id, holder, granted, at: this.#clock, used: granted }, open || granted > amount, limit)
    return { granted, used, since: this.#clock, lasts }
  }

  /** Records settlements. Unknown ones, and repeated ones, are ignored. */
  settle(holder: string, settled: readonly Settled[], now: number): void {
    checkSettled(holder, settled)
    this.#advance(now)
    for (const each of settled) this.#settleOne(holder, each)
  }

  /**
   * Returns open blocks that have not been settled for a while, by holder. It does not return them again for a while.
   * @param most number of holders
   */
  overdue(now: number, most: number): ReadonlyMap<string, string[]> {
    this.#advance(now)
    return this.#open.overdue(this.#clock, most)
  }

  /**
   * Returns milliseconds from now until a holder must be asked, or everything can be forgotten. Null if neither will be
   * needed.
   */
  untilCheck(now: number): number | null {
    this.#advance(now)
    const at = this.#open.size > 0 ? this.#open.askAt : this.#forgottenAt()
    return at === null ? null : Math.max(0, at - this.#clock)
  }

  /** Returns whether nothing that is stored can matter any more. */
  isForgettable(now: number): boolean {
    return this.untilCheck(now) === 0 && this.#open.size === 0
  }

  /**
   * Returns the rows to be stored before anything is answered.
   * @param all whether to include all deletions that could wait
   */
  drain(all = false): Writes {
    const past = [this.#unwrittenBlocks, this.#closed.unwrittenSlots, this.#values.unwritten]
    const leftOver = past.reduce((sum, each) => sum + each.leftOver, 0)
    if (leftOver >= LEFT_OVER || (all && leftOver > 0)) this.#isStateWritten = false
    const state = this.#isStateWritten ? null : this.#state()
    this.#isStateWritten = true
    // Both in one step: with an earlier clock, the span would lack the deleted rows; and a bucket's level contains
    // their use.
    if (state) for (const each of past) each.dropLeftOver()
    const [blocks, slots] = [this.#unwrittenBlocks.drain(), this.#closed.unwrittenSlots.drain()]
    return { state, blocks, slots, values: this.#values.unwritten.drain() }
  }

  #advance(now: number): void {
    const step = clockStep(this.#clock, this.#setBack, now)
    if (step) this.#move(step)
    else this.#clock = Math.max(this.#clock, now)
    if (!this.#limit) return
    const until = cutoffOf(this.#limit, this.#clock, this.#setBackBy)
    this.#closed.forget(until)
    this.#values.forget(until)
  }

  /** What was counted moves with the clock, so that all of it is as old as before. */
  #move({ by, setBack }: ClockStep): void {
    this.#clock += by
    this.#definedAt += by
    this.#setBack = setBack
    for (const block of this.#open.move(by)) this.#unwrittenBlocks.put(block.id, block)
    this.#closed.move(by)
    this.#values.move(by)
    this.#isStateWritten = false
  }

  get #setBackBy(): number {
    return this.#setBack?.sum ?? 0
  }

  /** Returns the definition in force, which is that of the newest bundle. */
  #define(limit: LentLimit): LentLimit {
    const before = this.#limit
    const isSame = before !== null && sameAs(before.measure, limit.measure)
    if (before && limit.seq <= before.seq) {
      check(isSame, "a newer bundle measures otherwise")
      return before
    }
    this.#limit = limit
    this.#definedAt = this.#clock
    // Uses that were counted by another measure mean nothing for this one.
    if (before && !isSame) this.#clear()
    if (!before || !sameAs([before.measure, before.span, before.limit], [limit.measure, limit.span, limit.limit])) {
      this.#respan(isSame ? before : null, limit)
    }
    this.#advance(this.#clock)
    this.#isStateWritten = false
    return limit
  }

  /**
   * Applies a new span. What counts now still counts, in a bucket to a fraction of a token. A span that follows a
   * bucket also counts what was used in it, however much of that has been refilled.
   */
  #respan(before: LentLimit | null, lent: LentLimit): void {
    const { span, limit } = lent
    if (span.kind === "bucket") {
      const level = before ? this.#levelIn(span, before) : tokenUnits(span, span.burst)
      const units = level + tokenUnits(span, this.#open.lent)
      const past = pastOf(this.#closed.bucket, before?.span ?? span).extended(span, this.#closed.leaving())
      this.#closed.replaceAll(0, this.#clock, new Bucket(span, limit, { at: this.#clock, units }, past))
    } else if (before?.span.kind === "bucket") {
      const missing = this.#used(before) - this.#open.lent
      this.#closed.replaceAll(
        Math.max(0, missing, this.#closed.usedSince(cutoffOf(lent, this.#clock, this.#setBackBy))),
        this.#clock,
        null,
      )
    }
  }

  /**
   * Returns the level of a new bucket in which as much is missing as before. The level is below zero only by calls that
   * a person approved beyond the limit.
   */
  #levelIn(bucket: LentBucket, before: LentLimit): bigint {
    const { span, limit } = before
    const isBucket = span.kind === "bucket"
    const left = isBucket ? inUnitsOf(bucket, span, this.#level(span)) : tokenUnits(bucket, this.#room(before))
    const level = left + tokenUnits(bucket, bucket.burst - (isBucket ? span.burst : limit))
    const least = left < 0n ? left : 0n
    return level > least ? level : least
  }

  #clear(): void {
    for (const id of this.#open.clear()) this.#unwrittenBlocks.put(id, null)
    this.#closed.replaceAll(0, this.#clock, null)
    this.#values.clear()
  }

  /** Returns what counts now, including lent credit. */
  #used({ measure, span, limit }: LentLimit): number {
    if (measure.kind === "distinct") return this.#values.size
    if (span.kind === "bucket") return span.burst - this.#room({ span, limit })
    return this.#closed.counted + this.#open.lent
  }

  #room({ span, limit }: Pick<LentLimit, "span" | "limit">): number {
    if (span.kind === "bucket") return tokensIn(span, this.#level(span))
    return limit - this.#closed.counted - this.#open.lent
  }

  /** Returns the level without lent credit. */
  #level(bucket: LentBucket): bigint {
    return (this.#closed.bucket?.unitsAt(this.#clock) ?? 0n) - tokenUnits(bucket, this.#open.lent)
  }

  #lasts(limit: LentLimit, room: number): number {
    return this.#open.size >= MAX_OPEN ? 0 : lastsFor(limit, room)
  }

  /** Computes the wait as if open blocks were settled now, because nothing else is known of them. */
  #waits({ span, limit }: LentLimit, amount: number, room: number): NotLent["waits"] {
    if (span.kind === "bucket") return waitFor(span, amount, this.#level(span), limit)
    if (amount > limit) return null
    let missing = amount - room
    for (const { at, count } of this.#closed.leaving()) {
      missing -= count
      if (missing <= 0) return leavesAt(span, at, this.#setBackBy) - this.#clock
    }
    return leavesAt(span, this.#clock, this.#setBackBy) - this.#clock
  }

  #grant(granted: Omit<Block, "closedAt" | "isSettled">, isOpen: boolean, { limit, span }: LentLimit): void {
    // The row replaces an outdated one. Only the state has the level that a bucket had after that one.
    if (this.#unwrittenBlocks.isLeftOver(granted.id)) this.#isStateWritten = false
    if (isOpen) {
      const block = { ...granted, closedAt: null, isSettled: false }
      this.#open.add(block)
      this.#unwrittenBlocks.put(block.id, block)
    } else this.#closed.add({ ...granted, closedAt: granted.at, isSettled: false }, limit, span)
  }

  #settleOne(holder: string, { id, used }: Settled): void {
    if (!this.#limit) return
    if (this.#limit.measure.kind === "distinct") {
      if (used > 0) return
      this.#values.undo(id)
      // Others may have used a value last long ago.
      this.#advance(this.#clock)
      // The time of a deleted value's use is deleted with it: with an earlier clock, the span would lack it.
      this.#isStateWritten = false
      return
    }
    const open = this.#open.get(id)
    const closed = this.#closed.get(id)
    // No more can have been used than was granted. A higher number belongs to another grant, of a take that was
    // repeated after its span.
    if (open?.holder === holder) this.#close(open, Math.min(used, open.granted), this.#limit)
    else if (closed?.holder === holder && !closed.isSettled && used < closed.used) {
      this.#closed.lower({ ...closed, used, isSettled: true })
    }
  }

  #close(block: Block, used: number, { limit, span }: LentLimit): void {
    this.#open.remove(block)
    this.#closed.add({ ...block, used, closedAt: this.#clock, isSettled: true }, limit, span)
  }

  /** Answers a repeated take as before. A settled block must not be used any more. */
  #repeat({ holder, granted, at, used: counts, isSettled }: Block, taker: string, lasts: number): TakeAnswer {
    check(holder === taker, "the id of another's take")
    const used = Math.max(0, (this.#limit ? this.#used(this.#limit) : 0) - counts)
    return isSettled ? { granted: null, used, waits: 0 } : { granted, used, since: at, lasts }
  }

  /** Returns when all closed blocks have left the span, in milliseconds since the epoch. Null if they never do. */
  #forgottenAt(): number | null {
    if (!this.#limit) return this.#clock
    const { span, limit } = this.#limit
    const since = Math.max(this.#closed.lastAt, this.#values.lastAt, this.#definedAt)
    if (span.kind !== "bucket") return Math.max(leavesAt(span, since, this.#setBackBy), since + FORGET_AFTER_MS)
    const missing = fullAfter(span, this.#level(span), limit)
    if (missing === null) return null
    const left = pastOf(this.#closed.bucket, span).leavesAt(this.#closed.lastAt)
    return Math.max(this.#clock + missing, since + FORGET_AFTER_MS, left)
  }

  #state(): State | null {
    const before = this.#closed.bucket?.stored() ?? null
    return this.#limit && { limit: this.#limit, clock: this.#clock, setBack: this.#setBack, before }
  }
}

function sameAs(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
