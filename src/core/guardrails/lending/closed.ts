/**
 * The closed blocks of a shared limit, whose use counts in the span, oldest first. The latest ones are kept
 * individually, so that a settlement can be repeated or corrected. Earlier ones are merged by slots and count until the
 * last of their slot leaves the span, so merging can only deny sooner. The blocks of a bucket are merged into its
 * level.
 */
import type { Bucket } from "./bucket.ts"
import type { LentSpan } from "./lending.ts"
import type { Used } from "./past.ts"
import { UnwrittenRows, type Block, type Slot } from "./rows.ts"
import { shareSlot } from "./span.ts"

/** How many blocks are kept individually at least; twice as many at most. */
const KEPT_INDIVIDUALLY = 1_000

export type ClosedBlock = Block & { readonly closedAt: number }

export function isClosed(block: Block): block is ClosedBlock {
  return block.closedAt !== null
}

export class ClosedBlocks {
  readonly unwrittenSlots = new UnwrittenRows<number, Slot>()
  readonly #unwrittenBlocks: UnwrittenRows<string, Block>
  readonly #blocks = new Map<string, ClosedBlock>()
  /** All of them are earlier than the blocks. */
  readonly #slots: Slot[]
  #counted = 0
  #lastAt = Number.NEGATIVE_INFINITY
  #bucket: Bucket | null

  /**
   * Both lists are ordered, oldest first.
   * @param unwritten rows of all blocks, including open ones, because an id that left the span may be used again
   * @param bucket its level before the first of the blocks
   */
  constructor(
    blocks: readonly ClosedBlock[],
    slots: readonly Slot[],
    unwritten: UnwrittenRows<string, Block>,
    bucket: Bucket | null,
  ) {
    this.#unwrittenBlocks = unwritten
    this.#bucket = bucket
    this.#slots = [...slots]
    for (const { to, count } of slots) this.#count(count, to)
    for (const block of blocks) this.#keep(block)
  }

  /** Null if the limit is no bucket. */
  get bucket(): Bucket | null {
    return this.#bucket
  }

  get counted(): number {
    return this.#counted
  }

  /** Milliseconds since the epoch, the latest time at which a block was closed. */
  get lastAt(): number {
    return this.#lastAt
  }

  get(id: string): ClosedBlock | undefined {
    return this.#blocks.get(id)
  }

  /** @param block one that was closed no earlier than any other */
  add(block: ClosedBlock, limit: number, span: LentSpan): void {
    this.#keep(block)
    this.#unwrittenBlocks.put(block.id, block)
    if (this.#blocks.size > KEPT_INDIVIDUALLY * 2) this.#merge(limit, span)
  }

  /** Corrects a block of which less was used. */
  lower(block: ClosedBlock): void {
    this.#counted -= (this.#blocks.get(block.id)?.used ?? 0) - block.used
    this.#blocks.set(block.id, block)
    this.#unwrittenBlocks.put(block.id, block)
    this.#bucket?.recompute(this.#blocks.values())
  }

  /**
   * Forgets what was closed at this time or before, which has left the span for good. In a bucket it can then no longer
   * be undone.
   */
  forget(until: number): void {
    for (let slot = this.#slots[0]; slot && slot.to <= until; slot = this.#slots[0]) {
      this.#slots.shift()
      this.#counted -= slot.count
      this.unwrittenSlots.dropLater(slot.from)
    }
    for (const block of this.#blocks.values()) {
      if (block.closedAt > until) break
      this.#drop(block)
    }
  }

  /** Returns what was used after that time, also before what a bucket keeps individually. */
  usedSince(cutoff: number): number {
    const used: readonly Used[] = [...(this.#bucket?.past.uses ?? []), ...this.leaving()]
    return used.reduce((sum, { at, count }) => (at > cutoff ? sum + count : sum), 0)
  }

  /** Moves all times with the clock. What is outdated in storage has not moved, and would seem to be later. */
  move(by: number): void {
    for (const each of [this.#unwrittenBlocks, this.unwrittenSlots]) each.dropLeftOver()
    for (const { from } of this.#slots) this.unwrittenSlots.put(from, null)
    const slots = this.#slots.splice(0)
    for (const { from, to, count } of slots) this.#addSlot({ from: from + by, to: to + by, count })
    for (const block of this.#blocks.values()) {
      const moved = { ...block, at: block.at + by, closedAt: block.closedAt + by }
      this.#blocks.set(block.id, moved)
      this.#unwrittenBlocks.put(block.id, moved)
    }
    this.#lastAt += by
    this.#bucket?.move(by)
  }

  /** Yields the uses in the order in which they leave the span. */
  *leaving(): Generator<{ readonly at: number; readonly count: number }> {
    for (const { to: at, count } of this.#slots) yield { at, count }
    for (const { closedAt: at, used: count } of this.#blocks.values()) yield { at, count }
  }

  /** Replaces all blocks and slots by one use at this time. */
  replaceAll(count: number, now: number, bucket: Bucket | null): void {
    for (const id of this.#blocks.keys()) this.#unwrittenBlocks.put(id, null)
    for (const { from } of this.#slots) this.unwrittenSlots.put(from, null)
    this.#blocks.clear()
    this.#slots.length = 0
    this.#counted = 0
    this.#bucket = bucket
    if (count > 0) this.#addSlot({ from: now, to: now, count })
    if (count > 0) this.#count(count, now)
  }

  /**
   * Merges the oldest blocks. Under a limit below their number none with a use is merged, because a small limit would
   * notice each.
   */
  #merge(limit: number, span: LentSpan): void {
    for (const block of this.#blocks.values()) {
      if (this.#blocks.size <= KEPT_INDIVIDUALLY) return
      if (this.#bucket) {
        this.#drop(block)
        continue
      }
      if (limit < KEPT_INDIVIDUALLY && block.used > 0) continue
      this.#blocks.delete(block.id)
      this.#unwrittenBlocks.put(block.id, null)
      if (block.used > 0) this.#mergeInto(block.closedAt, block.used, span)
    }
  }

  /** Drops the oldest block. */
  #drop(block: ClosedBlock): void {
    this.#blocks.delete(block.id)
    this.#counted -= block.used
    this.#bucket?.merge(block)
    this.#unwrittenBlocks.dropLater(block.id)
  }

  #mergeInto(at: number, count: number, span: LentSpan): void {
    const last = this.#slots.at(-1)
    if (!last || !shareSlot(span, last.from, at)) return this.#addSlot({ from: at, to: at, count })
    this.#slots.pop()
    this.#addSlot({ from: last.from, to: at, count: last.count + count })
  }

  #addSlot(slot: Slot): void {
    this.#slots.push(slot)
    this.unwrittenSlots.put(slot.from, slot)
  }

  #keep(block: ClosedBlock): void {
    this.#blocks.set(block.id, block)
    this.#count(block.used, block.closedAt)
    this.#bucket?.use(block)
  }

  #count(count: number, at: number): void {
    this.#counted += count
    this.#lastAt = Math.max(this.#lastAt, at)
  }
}
