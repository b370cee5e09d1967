/**
 * The count of one shared limit and what is lent of it (lending.ts says by which contract). Each grant keeps the sum of
 * open blocks and of what was closed in the span within the limit; as each use was between its block's grant and the
 * arrival of its settlement, no span can hold more. Pure: the object (ledger/shared-limit.ts) gives the time, and makes
 * durable what is drained before it answers.
 */
import { Bucket, bucketOf, pastOf } from "./bucket.ts"
import { ClosedBlocks, type ClosedBlock } from "./closed.ts"
import { fullAfter, inUnitsOf, tokensIn, tokenUnits, waitFor, type LentBucket } from "./level.ts"
import { OpenBlocks } from "./open.ts"
import type { Used } from "./past.ts"
import { Unwritten, type Block, type State, type Stored, type Writes } from "./rows.ts"
import { check, checkSettled, checkTake } from "./validation.ts"
import { cutoffOf, leavesAt } from "./span.ts"
import { creditOf, lastsFor } from "./terms.ts"
import { LentValues } from "./values.ts"
import type { LentLimit, NotLent, Settled, Take, TakeAnswer } from "./lending.ts"

/** With more open blocks than this nobody is lent more than is needed: each is a row, and asked about. */
const MAX_OPEN = 1_000
/** The definition is kept while an older bundle may still be in use. */
const FORGET_AFTER_MS = 120_000
/** Rows of the past that are deleted at once. */
const LEFT_OVER = 64

export class Lender {
  #limit: LentLimit | null = null
  #clock = 0
  readonly #open: OpenBlocks
  readonly #closed: ClosedBlocks
  readonly #values: LentValues
  /** Milliseconds: the definition is not older. */
  #definedAt = 0
  #isStateWritten = true
  readonly #unwrittenBlocks = new Unwritten<string, Block>()

  /** @param stored what was drained in earlier lives, in any order */
  constructor(stored: Stored | null) {
    const { state, blocks, slots, values }: Omit<Stored, "state"> & { readonly state: State | null } = stored ?? NOTHING
    const closed = blocks.filter(isClosed).toSorted((a, b) => a.closedAt - b.closedAt)
    const merged = slots.toSorted((a, b) => a.from - b.from)
    this.#closed = new ClosedBlocks(closed, merged, this.#unwrittenBlocks, state && bucketOf(state))
    this.#values = new LentValues(values.toSorted((a, b) => a.at - b.at))
    this.#open = new OpenBlocks(blocks.filter((block) => !isClosed(block)))
    this.#clock = Math.max(state?.clock ?? 0, this.#closed.lastAt, this.#values.lastAt, this.#open.lastAt)
    if (!state) return
    this.#limit = state.limit
    this.#definedAt = state.clock
  }

  /**
   * Throws where the take makes no sense, or counts by another measure than a newer bundle does.
   * @param now milliseconds; where it is earlier than before, time has stood still
   */
  take(take: Take, now: number): TakeAnswer {
    checkTake(take)
    this.#advance(now)
    for (const settled of take.settled) this.#settleOne(take.holder, settled)
    const limit = this.#define(take.limit)
    if (take.values) return this.#values.take(take, new Set(take.values), limit, this.#clock)
    const { id, holder, amount, want, least = 0, open = false, over = false } = take
    const known = this.#open.get(id) ?? this.#closed.get(id)
    const room = this.#room(limit)
    if (known) return this.#again(known, holder, this.#lasts(limit, room))
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

  /** What is not known, or was settled before, is ignored. */
  settle(holder: string, settled: readonly Settled[], now: number): void {
    checkSettled(holder, settled)
    this.#advance(now)
    for (const each of settled) this.#settleOne(holder, each)
  }

  /**
   * Open blocks that have not been settled for a while, by holder; they are not named again for another while.
   * @param most holders
   */
  overdue(now: number, most: number): ReadonlyMap<string, string[]> {
    this.#advance(now)
    return this.#open.overdue(this.#clock, most)
  }

  /** Milliseconds from now until somebody has to be asked, or everything can be forgotten; null: neither, ever. */
  untilLook(now: number): number | null {
    this.#advance(now)
    const at = this.#open.size > 0 ? this.#open.askAt : this.#forgottenAt()
    return at === null ? null : Math.max(0, at - this.#clock)
  }

  /** Whether nothing that it knows can matter any more. */
  isOver(now: number): boolean {
    return this.untilLook(now) === 0 && this.#open.size === 0
  }

  /**
   * What storage has to have before anything is answered.
   * @param all with all that could be deleted later
   */
  drain(all = false): Writes {
    const past = [this.#unwrittenBlocks, this.#closed.unwrittenSlots, this.#values.unwritten]
    const leftOver = past.reduce((sum, each) => sum + each.leftOver, 0)
    if (leftOver >= LEFT_OVER || (all && leftOver > 0)) this.#isStateWritten = false
    const state = this.#isStateWritten ? null : this.#state()
    this.#isStateWritten = true
    // Both at once: an earlier clock would find a span without them, and a bucket has what they used behind it.
    if (state) for (const each of past) each.dropLeftOver()
    const [blocks, slots] = [this.#unwrittenBlocks.drain(), this.#closed.unwrittenSlots.drain()]
    return { state, blocks, slots, values: this.#values.unwritten.drain() }
  }

  #advance(now: number): void {
    const passed = Math.max(0, now - this.#clock)
    this.#clock += passed
    if (!this.#limit) return
    const until = cutoffOf(this.#limit, this.#clock)
    this.#closed.forget(until)
    this.#values.forget(until)
  }

  /** The definition that holds, which is the newest known. */
  #define(asked: LentLimit): LentLimit {
    const before = this.#limit
    const isSame = before !== null && sameAs(before.measure, asked.measure)
    if (before && asked.seq <= before.seq) {
      check(isSame, "a newer bundle measures otherwise")
      return before
    }
    this.#limit = asked
    this.#definedAt = this.#clock
    // What was counted otherwise, or of something else, says nothing here.
    if (before && !isSame) this.#clear()
    if (!before || !sameAs([before.measure, before.span, before.limit], [asked.measure, asked.span, asked.limit])) {
      this.#respan(isSame ? before : null, asked)
    }
    this.#advance(this.#clock)
    this.#isStateWritten = false
    return asked
  }

  /**
   * What is in use now stays in use, of a bucket to the part of a token. A span that follows a bucket counts what was
   * used in it, too, however much of that has flowed into the bucket again.
   */
  #respan(before: LentLimit | null, asked: LentLimit): void {
    const { span, limit } = asked
    if (span.kind === "bucket") {
      const level = before ? this.#levelIn(span, before) : tokenUnits(span, span.burst)
      const units = level + tokenUnits(span, this.#open.lent)
      const past = pastOf(this.#closed.bucket, before?.span ?? span).extended(span, this.#closed.leaving())
      this.#closed.replaceAll(0, this.#clock, new Bucket(span, limit, { at: this.#clock, units }, past))
    } else if (before?.span.kind === "bucket") {
      const missing = this.#used(before) - this.#open.lent
      this.#closed.replaceAll(Math.max(0, missing, this.#usedSince(cutoffOf(asked, this.#clock))), this.#clock, null)
    }
  }

  /** In a bucket, after that time, without what is lent. */
  #usedSince(cutoff: number): number {
    const used: readonly Used[] = [...(this.#closed.bucket?.past.uses ?? []), ...this.#closed.leaving()]
    return used.reduce((sum, { at, count }) => (at > cutoff ? sum + count : sum), 0)
  }

  /** As much is missing as was. A bucket is below empty only by what was approved beyond it before. */
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

  /** What counts now, lent credit included. */
  #used({ measure, span, limit }: LentLimit): number {
    if (measure.kind === "distinct") return this.#values.size
    if (span.kind === "bucket") return span.burst - this.#room({ span, limit })
    return this.#closed.counted + this.#open.lent
  }

  #room({ span, limit }: Pick<LentLimit, "span" | "limit">): number {
    if (span.kind === "bucket") return tokensIn(span, this.#level(span))
    return limit - this.#closed.counted - this.#open.lent
  }

  /** Without what is lent. */
  #level(bucket: LentBucket): bigint {
    return (this.#closed.bucket?.unitsAt(this.#clock) ?? 0n) - tokenUnits(bucket, this.#open.lent)
  }

  #lasts(limit: LentLimit, room: number): number {
    return this.#open.size >= MAX_OPEN ? 0 : lastsFor(limit, room)
  }

  /** Open blocks as though they were settled now: nothing else is known of them. */
  #waits({ span, limit }: LentLimit, amount: number, room: number): NotLent["waits"] {
    if (span.kind === "bucket") return waitFor(span, amount, this.#level(span), limit)
    if (amount > limit) return null
    let missing = amount - room
    for (const { at, count } of this.#closed.leaving()) {
      missing -= count
      if (missing <= 0) return leavesAt(span, at) - this.#clock
    }
    return leavesAt(span, this.#clock) - this.#clock
  }

  #grant(granted: Omit<Block, "closedAt" | "isSettled">, isOpen: boolean, { limit, span }: LentLimit): void {
    // Its row takes the place of an earlier one: what a bucket gave for that is known to the state alone.
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
      // When others last used a value may be long ago.
      this.#advance(this.#clock)
      // A value that is gone takes along when it was used: an earlier clock would find a span without it.
      this.#isStateWritten = false
      return
    }
    const open = this.#open.get(id)
    const closed = this.#closed.get(id)
    // More than was granted cannot have been used. It was another grant's, of a take that came again after its span.
    if (open?.holder === holder) this.#close(open, Math.min(used, open.granted), this.#limit)
    else if (closed?.holder === holder && !closed.isSettled && used < closed.used) {
      this.#closed.lower({ ...closed, used, isSettled: true })
    }
  }

  #close(block: Block, used: number, { limit, span }: LentLimit): void {
    this.#open.remove(block)
    this.#closed.add({ ...block, used, closedAt: this.#clock, isSettled: true }, limit, span)
  }

  /** A take that was answered before, or one that comes late: what is settled must not be used. */
  #again({ holder, granted, at, used: counts, isSettled }: Block, asker: string, lasts: number): TakeAnswer {
    check(holder === asker, "the id of another's take")
    const used = Math.max(0, (this.#limit ? this.#used(this.#limit) : 0) - counts)
    return isSettled ? { granted: null, used, waits: 0 } : { granted, used, since: at, lasts }
  }

  /** When all that is closed has left the span; null where it never does. */
  #forgottenAt(): number | null {
    if (!this.#limit) return this.#clock
    const { span, limit } = this.#limit
    const since = Math.max(this.#closed.lastAt, this.#values.lastAt, this.#definedAt)
    if (span.kind !== "bucket") return Math.max(leavesAt(span, since), since + FORGET_AFTER_MS)
    const missing = fullAfter(span, this.#level(span), limit)
    if (missing === null) return null
    const left = pastOf(this.#closed.bucket, span).leavesAt(this.#closed.lastAt)
    return Math.max(this.#clock + missing, since + FORGET_AFTER_MS, left)
  }

  #state(): State | null {
    const before = this.#closed.bucket?.stored() ?? null
    return this.#limit && { limit: this.#limit, clock: this.#clock, before }
  }
}

const NOTHING = { state: null, blocks: [], slots: [], values: [] } as const

function isClosed(block: Block): block is ClosedBlock {
  return block.closedAt !== null
}

function sameAs(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
