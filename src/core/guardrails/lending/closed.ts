/**
 * Blocks of a shared limit that are closed: what they count in the span, oldest first. The latest are told apart, so
 * that what became of them can be said again or corrected; earlier ones are merged, each as though it were as late as
 * the last of its slot: merging only ever refuses sooner. Those of a bucket are merged into its level.
 */
import type { Bucket } from "./bucket.ts"
import type { LentSpan } from "./lending.ts"
import { Unwritten, type Block, type Slot } from "./rows.ts"
import { shareSlot } from "./span.ts"

/** Told apart at least, and twice as many at most. */
const TOLD_APART = 1_000

export type ClosedBlock = Block & { readonly closedAt: number }

export class ClosedBlocks {
  readonly unwrittenSlots = new Unwritten<number, Slot>()
  readonly #unwrittenBlocks: Unwritten<string, Block>
  readonly #blocks = new Map<string, ClosedBlock>()
  /** All of them earlier than the blocks. */
  readonly #slots: Slot[]
  #counted = 0
  #lastAt = Number.NEGATIVE_INFINITY
  #bucket: Bucket | null

  /**
   * Both oldest first.
   * @param unwritten of all blocks, the open ones too: an id that left the span may come again
   * @param bucket before the first of them
   */
  constructor(
    blocks: readonly ClosedBlock[],
    slots: readonly Slot[],
    unwritten: Unwritten<string, Block>,
    bucket: Bucket | null,
  ) {
    this.#unwrittenBlocks = unwritten
    this.#bucket = bucket
    this.#slots = [...slots]
    for (const { to, count } of slots) this.#count(count, to)
    for (const block of blocks) this.#keep(block)
  }

  /** That they are of. */
  get bucket(): Bucket | null {
    return this.#bucket
  }

  get counted(): number {
    return this.#counted
  }

  /** Milliseconds: the time of the latest. */
  get lastAt(): number {
    return this.#lastAt
  }

  get(id: string): ClosedBlock | undefined {
    return this.#blocks.get(id)
  }

  /** @param block closed not earlier than any other */
  add(block: ClosedBlock, limit: number, span: LentSpan): void {
    this.#keep(block)
    this.#unwrittenBlocks.put(block.id, block)
    if (this.#blocks.size > TOLD_APART * 2) this.#merge(limit, span)
  }

  /** Less of it counts than was thought. */
  lower(block: ClosedBlock): void {
    this.#counted -= (this.#blocks.get(block.id)?.used ?? 0) - block.used
    this.#blocks.set(block.id, block)
    this.#unwrittenBlocks.put(block.id, block)
    this.#bucket?.retell(this.#blocks.values())
  }

  /** What was closed by then has left the span, for good; in a bucket it cannot be undone any more. */
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

  /** In the order in which they leave the span. */
  *leaving(): Generator<{ readonly at: number; readonly count: number }> {
    for (const { to: at, count } of this.#slots) yield { at, count }
    for (const { closedAt: at, used: count } of this.#blocks.values()) yield { at, count }
  }

  /** Whatever they were, so much counts from now on. */
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

  /** Under a limit of so many as are told apart none has to be merged: there, each is felt. */
  #merge(limit: number, span: LentSpan): void {
    for (const block of this.#blocks.values()) {
      if (this.#blocks.size <= TOLD_APART) return
      if (this.#bucket) {
        this.#drop(block)
        continue
      }
      if (limit < TOLD_APART && block.used > 0) continue
      this.#blocks.delete(block.id)
      this.#unwrittenBlocks.put(block.id, null)
      if (block.used > 0) this.#mergeInto(block.closedAt, block.used, span)
    }
  }

  /** The first. */
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
