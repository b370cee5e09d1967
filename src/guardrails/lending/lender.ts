/**
 * The count of one shared limit and what is lent of it (lending.ts says by which contract). Each grant keeps the sum of
 * open blocks and of what was closed in the span within the limit; as each use was between its block's grant and the
 * arrival of its settlement, no span can hold more. Pure: the object (ledger/shared-limit.ts) gives the time, and makes
 * durable what is drained before it answers.
 */
import { ClosedBlocks, type ClosedBlock } from "./closed.ts"
import { fullAfter, tokensIn, tokenUnits, waitFor, within } from "./level.ts"
import { Unwritten, type Block, type State, type Stored, type Writes } from "./rows.ts"
import { check, checkSettled, checkTake } from "./sane.ts"
import { cutoffOf, leavesAt } from "./span.ts"
import { LentValues } from "./values.ts"
import type { LentLimit, NotLent, Settled, Take, TakeAnswer } from "./lending.ts"

/** A block of a limit under this is exactly what is needed: there, credit that is lost for a while would be felt. */
const EXACT_BELOW = 100
/** Credit in one block at most: this share of the limit, and that of what is left. */
const SHARE_OF_LIMIT = 100
const SHARE_OF_ROOM = 10
/** With more open blocks than this nobody is lent more than is needed: each is a row, and asked about. */
const MAX_OPEN = 1_000
/** An open block is asked about so long after its grant, and again whenever it has become twice as old … */
const ASK_AFTER_MS = 10_000
/** … or at least so often. */
const ASK_EVERY_MS = 300_000
/** The definition is kept while an older bundle may still be in use. */
const FORGET_AFTER_MS = 120_000
/** Rows of the past that are deleted at once. */
const LEFT_OVER = 64

interface OpenBlock {
  readonly block: Block
  /** Milliseconds: when its holder is asked about it. Not stored: asked sooner after a wake does no harm. */
  askAt: number
}

export class Lender {
  #limit: LentLimit | null = null
  #clock = 0
  /** Of a bucket, in tokens times milliseconds of its span; never more than its burst without what is open. */
  #level = 0n
  readonly #open = new Map<string, OpenBlock>()
  /** In all open blocks. */
  #lent = 0
  readonly #closed: ClosedBlocks
  readonly #values: LentValues
  /** Milliseconds: the definition is not older. */
  #definedAt = 0
  #unwrittenState: State | null = null
  readonly #unwrittenBlocks = new Unwritten<string, Block>()

  /** @param stored what was drained in earlier lives, in any order */
  constructor(stored: Stored | null) {
    const { state, blocks, slots, values }: Omit<Stored, "state"> & { readonly state: State | null } = stored ?? NOTHING
    const closed = blocks.filter(isClosed).toSorted((a, b) => a.closedAt - b.closedAt)
    const merged = slots.toSorted((a, b) => a.from - b.from)
    this.#closed = new ClosedBlocks(closed, merged, this.#unwrittenBlocks)
    this.#values = new LentValues(values.toSorted((a, b) => a.at - b.at))
    for (const block of blocks) if (!isClosed(block)) this.#hold(block)
    const opened = [...this.#open.values()].map(({ block }) => block.at)
    this.#clock = Math.max(state?.clock ?? 0, this.#closed.lastAt, this.#values.lastAt, ...opened)
    if (!state) return
    this.#limit = state.limit
    this.#definedAt = state.clock
    this.#level = BigInt(state.level)
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
    if (take.values) return this.#takeValues(take.id, new Set(take.values), limit)
    const known = this.#open.get(take.id)?.block ?? this.#closed.get(take.id)
    if (known) return this.#again(known, take.holder)
    const used = this.#used(limit)
    const { id, holder, amount } = take
    if (amount === 0) return { granted: 0, used, since: this.#clock }
    const room = this.#room(limit)
    if (amount > room) return { granted: null, used, waits: this.#waits(limit, amount, room) }
    const granted = amount + Math.min(take.want - amount, this.#creditOf(limit, room - amount))
    this.#grant({ id, holder, granted, at: this.#clock, used: granted }, granted > amount, limit)
    return { granted, used, since: this.#clock }
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
    const holders = new Map<string, string[]>()
    for (const open of this.#open.values()) {
      const { id, holder, at } = open.block
      if (open.askAt > this.#clock || (holders.size >= most && !holders.has(holder))) continue
      open.askAt = this.#clock + Math.min(Math.max(this.#clock - at, ASK_AFTER_MS), ASK_EVERY_MS)
      holders.set(holder, [...(holders.get(holder) ?? []), id])
    }
    return holders
  }

  /** Milliseconds from now until somebody has to be asked, or everything can be forgotten; null: neither, ever. */
  untilLook(now: number): number | null {
    this.#advance(now)
    const asks = [...this.#open.values()].map(({ askAt }) => askAt)
    const at = asks.length > 0 ? Math.min(...asks) : this.#forgottenAt()
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
    if (leftOver >= LEFT_OVER || (all && leftOver > 0)) {
      for (const each of past) each.dropLeftOver()
      // Or an earlier clock would find a span without them.
      this.#stateChanged()
    }
    const state = this.#unwrittenState
    this.#unwrittenState = null
    const [blocks, slots] = [this.#unwrittenBlocks.drain(), this.#closed.unwrittenSlots.drain()]
    return { state, blocks, slots, values: this.#values.unwritten.drain() }
  }

  #advance(now: number): void {
    const passed = Math.max(0, now - this.#clock)
    this.#clock += passed
    if (!this.#limit) return
    this.#fill(BigInt(passed) * BigInt(this.#limit.limit))
    const until = cutoffOf(this.#limit, this.#clock)
    this.#closed.forget(until)
    this.#values.forget(until)
  }

  /** Of a bucket: so much flows in, or out. */
  #fill(more: bigint): void {
    if (this.#limit?.span.kind === "bucket") this.#level = within(this.#level + more, this.#limit.span, this.#lent)
  }

  /** The definition that holds, which is the newest known. */
  #define(asked: LentLimit): LentLimit {
    const before = this.#limit
    const isSame = before !== null && sameAs(before.measure, asked.measure)
    if (before && asked.seq <= before.seq) {
      check(isSame, "a newer bundle measures otherwise")
      return before
    }
    const used = before && isSame ? this.#used(before) : 0
    this.#limit = asked
    this.#definedAt = this.#clock
    // What was counted otherwise, or of something else, says nothing here.
    if (before && !isSame) this.#clear()
    if (!before || !sameAs([before.measure, before.span, before.limit], [asked.measure, asked.span, asked.limit])) {
      this.#respan(before, asked, used)
    }
    this.#advance(this.#clock)
    this.#stateChanged()
    return asked
  }

  /** What is in use now stays in use; what a bucket has can be told by its level only. */
  #respan(before: LentLimit | null, { span }: LentLimit, used: number): void {
    const isOfBucket = before?.span.kind === "bucket" || span.kind === "bucket"
    const kept = span.kind === "bucket" ? 0 : Math.max(0, used - this.#lent)
    if (before && isOfBucket) this.#closed.replaceAll(kept, this.#clock)
    this.#level = span.kind === "bucket" ? tokenUnits(span, Math.max(0, span.burst - used)) : 0n
  }

  #clear(): void {
    for (const id of this.#open.keys()) this.#unwrittenBlocks.put(id, null)
    this.#open.clear()
    this.#lent = 0
    this.#closed.replaceAll(0, this.#clock)
    this.#values.clear()
  }

  /** What counts now, lent credit included. */
  #used({ measure, span, limit }: LentLimit): number {
    if (measure.kind === "distinct") return this.#values.size
    if (span.kind === "bucket") return span.burst - this.#room({ span, limit })
    return this.#closed.counted + this.#lent
  }

  #room({ span, limit }: Pick<LentLimit, "span" | "limit">): number {
    if (span.kind === "bucket") return tokensIn(span, this.#level)
    return limit - this.#closed.counted - this.#lent
  }

  #creditOf({ span, limit }: LentLimit, room: number): number {
    const most = span.kind === "bucket" ? Math.min(span.burst, limit) : limit
    if (most < EXACT_BELOW || this.#open.size >= MAX_OPEN) return 0
    return Math.min(Math.floor(most / SHARE_OF_LIMIT), Math.floor(room / SHARE_OF_ROOM))
  }

  /** Open blocks as though they were settled now: nothing else is known of them. */
  #waits({ span, limit }: LentLimit, amount: number, room: number): NotLent["waits"] {
    if (span.kind === "bucket") return waitFor(span, amount, this.#level, limit)
    if (amount > limit) return null
    let missing = amount - room
    for (const { at, count } of this.#closed.leaving()) {
      missing -= count
      if (missing <= 0) return leavesAt(span, at) - this.#clock
    }
    return leavesAt(span, this.#clock) - this.#clock
  }

  #grant(granted: Omit<Block, "closedAt" | "isSettled">, isOpen: boolean, { limit, span }: LentLimit): void {
    if (isOpen) {
      const block = { ...granted, closedAt: null, isSettled: false }
      this.#hold(block)
      this.#unwrittenBlocks.put(block.id, block)
    } else this.#closed.add({ ...granted, closedAt: granted.at, isSettled: false }, limit, span)
    if (span.kind === "bucket") this.#changeLevel(-tokenUnits(span, granted.granted))
  }

  #hold(block: Block): void {
    this.#open.set(block.id, { block, askAt: block.at + ASK_AFTER_MS })
    this.#lent += block.granted
  }

  #changeLevel(by: bigint): void {
    this.#fill(by)
    this.#stateChanged()
  }

  #settleOne(holder: string, { id, used }: Settled): void {
    if (!this.#limit) return
    if (this.#limit.measure.kind === "distinct") {
      if (used === 0) this.#values.undo(id)
      // A value that is gone takes along when it was used: an earlier clock would find a span without it.
      if (used === 0) this.#stateChanged()
      return
    }
    const open = this.#open.get(id)?.block
    const closed = this.#closed.get(id)
    // More than was granted cannot have been used. It was another grant's, of a take that came again after its span.
    if (open?.holder === holder) this.#close(open, Math.min(used, open.granted), this.#limit)
    else if (closed?.holder === holder && !closed.isSettled && used < closed.used) {
      this.#lower(closed, used, this.#limit)
    }
  }

  #close(block: Block, used: number, { limit, span }: LentLimit): void {
    this.#open.delete(block.id)
    this.#lent -= block.granted
    this.#closed.add({ ...block, used, closedAt: this.#clock, isSettled: true }, limit, span)
    if (span.kind === "bucket") this.#changeLevel(tokenUnits(span, block.granted - used))
  }

  /**
   * Less was used than was granted and closed at once. In a bucket what has flowed in since may have flowed in for it:
   * had the grant never been, that might have flowed over.
   */
  #lower(block: ClosedBlock, used: number, { limit, span }: LentLimit): void {
    this.#closed.lower({ ...block, used, isSettled: true })
    if (span.kind !== "bucket") return
    const unused = tokenUnits(span, block.used - used)
    const flowedIn = BigInt(this.#clock - block.at) * BigInt(limit)
    if (unused > flowedIn) this.#changeLevel(unused - flowedIn)
  }

  /** A take that was answered before, or one that comes late: what is settled must not be used. */
  #again({ holder, granted, at, used: counts, isSettled }: Block, asker: string): TakeAnswer {
    check(holder === asker, "the id of another's take")
    const used = Math.max(0, (this.#limit ? this.#used(this.#limit) : 0) - counts)
    return isSettled ? { granted: null, used, waits: 0 } : { granted, used, since: at }
  }

  #takeValues(id: string, values: ReadonlySet<string>, { limit, span }: LentLimit): TakeAnswer {
    const before = this.#values.usedBy(id, values)
    if (before !== null) return { granted: values.size, used: this.#values.size - values.size, since: before }
    const used = this.#values.size
    const { excess, lastToLeave } = this.#values.room(values, limit)
    if (excess === null) return { granted: null, used, waits: null }
    if (excess > 0) return { granted: null, used, waits: leavesAt(span, lastToLeave) - this.#clock }
    this.#values.use(id, values, this.#clock)
    return { granted: values.size, used, since: this.#clock }
  }

  /** When all that is closed has left the span; null where it never does. */
  #forgottenAt(): number | null {
    if (!this.#limit) return this.#clock
    const { span, limit } = this.#limit
    const since = Math.max(this.#closed.lastAt, this.#values.lastAt, this.#definedAt)
    if (span.kind !== "bucket") return Math.max(leavesAt(span, since), since + FORGET_AFTER_MS)
    const missing = fullAfter(span, this.#level, limit)
    return missing === null ? null : Math.max(this.#clock + missing, since + FORGET_AFTER_MS)
  }

  #stateChanged(): void {
    if (!this.#limit) return
    this.#unwrittenState = { limit: this.#limit, clock: this.#clock, level: this.#level.toString() }
  }
}

const NOTHING = { state: null, blocks: [], slots: [], values: [] } as const

function isClosed(block: Block): block is ClosedBlock {
  return block.closedAt !== null
}

function sameAs(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
