/**
 * What a bucket holds that trees share, as though all that is lent were in it still: it may be given back. What was
 * used goes out as its block is closed, the latest that it can have been used. So what was not used leaves no trace:
 * where less was than was thought, all is told again from the blocks, and what flows over then would have flowed over.
 */
import { tokenUnits, type LentBucket } from "./level.ts"
import type { Block } from "./rows.ts"

export interface Level {
  /** Milliseconds. */
  readonly at: number
  /** In tokens times milliseconds of the span. */
  readonly units: bigint
}

type Closed = Pick<Block, "used"> & { readonly closedAt: number }

export class Bucket {
  readonly #span: LentBucket
  readonly #limit: number
  #before: Level
  #after: Level

  /** @param before the first block that is told apart */
  constructor(span: LentBucket, limit: number, before: Level) {
    this.#span = span
    this.#limit = limit
    this.#before = before
    this.#after = before
  }

  /** The first block that is told apart: what storage has beside the blocks. */
  get before(): Level {
    return this.#before
  }

  unitsAt(now: number): bigint {
    return this.#flowed(this.#after, now).units
  }

  /** @param block closed not earlier than any other */
  use(block: Closed): void {
    this.#after = this.#without(this.#after, block)
  }

  /** @param block the first, which is told apart no more */
  merge(block: Closed): void {
    this.#before = this.#without(this.#before, block)
  }

  /** @param blocks all that are told apart, in their order */
  retell(blocks: Iterable<Closed>): void {
    this.#after = this.#before
    for (const block of blocks) this.use(block)
  }

  #without(level: Level, { closedAt, used }: Closed): Level {
    const { at, units } = this.#flowed(level, closedAt)
    return { at, units: units - tokenUnits(this.#span, used) }
  }

  /** What is more than its burst flows over. */
  #flowed({ at, units }: Level, now: number): Level {
    const most = tokenUnits(this.#span, this.#span.burst)
    const more = units + BigInt(Math.max(0, now - at)) * BigInt(this.#limit)
    return { at: Math.max(at, now), units: more < most ? more : most }
  }
}
