/**
 * The level of a bucket that ledgers share, as if all lent credit were still in it, because it may be returned. A block's
 * use is subtracted at the time when it was closed, the latest at which it can have been used, so unused credit leaves
 * no trace. If a block turns out to have used less, the level is computed again from the blocks: what then overflows
 * would have overflowed.
 */
import { tokenUnits, type LentBucket } from "./level.ts"
import type { LentSpan } from "./lending.ts"
import { PastUses } from "./past.ts"
import type { Block, State, StoredLevel } from "./rows.ts"

export interface Level {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Tokens times milliseconds of the span. */
  readonly units: bigint
}

type Closed = Pick<Block, "used"> & { readonly closedAt: number }

export class Bucket {
  readonly #span: LentBucket
  readonly #limit: number
  #before: Level
  #after: Level
  /** The uses until the time of `before`. */
  readonly past: PastUses

  /** @param before the level before the first block that is kept individually */
  constructor(span: LentBucket, limit: number, before: Level, past: PastUses) {
    this.#span = span
    this.#limit = limit
    this.past = past
    this.#before = before
    this.#after = before
  }

  /** Returns the level before the first block that is kept individually, which is stored beside the blocks. */
  stored(): StoredLevel {
    const { at, units } = this.#before
    return { at, units: units.toString(), past: { seconds: this.past.seconds, uses: [...this.past.uses] } }
  }

  unitsAt(now: number): bigint {
    return this.#flowed(this.#after, now).units
  }

  /** @param block one that was closed no earlier than any other */
  use(block: Closed): void {
    this.#after = this.#without(this.#after, block)
  }

  /** @param block the first one, which is no longer kept individually */
  merge(block: Closed): void {
    this.#before = this.#without(this.#before, block)
    this.past.add({ at: block.closedAt, count: block.used })
  }

  /** @param blocks all that are kept individually, in their order */
  recompute(blocks: Iterable<Closed>): void {
    this.#after = this.#before
    for (const block of blocks) this.use(block)
  }

  /** Moves all times with the clock. */
  move(by: number): void {
    this.#before = { ...this.#before, at: this.#before.at + by }
    this.#after = { ...this.#after, at: this.#after.at + by }
    this.past.move(by)
  }

  #without(level: Level, { closedAt, used }: Closed): Level {
    const { at, units } = this.#flowed(level, closedAt)
    return { at, units: units - tokenUnits(this.#span, used) }
  }

  /** Refills the bucket; what exceeds its burst is lost. */
  #flowed({ at, units }: Level, now: number): Level {
    const most = tokenUnits(this.#span, this.#span.burst)
    const more = units + BigInt(Math.max(0, now - at)) * BigInt(this.#limit)
    return { at: Math.max(at, now), units: more < most ? more : most }
  }
}

/** Returns the stored bucket; null if the limit is none. */
export function bucketOf({ limit: { span, limit }, clock, before }: State): Bucket | null {
  if (span.kind !== "bucket") return null
  const level = { at: before?.at ?? clock, units: BigInt(before?.units ?? 0) }
  return new Bucket(span, limit, level, new PastUses(before?.past ?? { seconds: span.seconds, uses: [] }))
}

/** Returns the uses of a bucket; of a count that was none so far, an empty record for its span. */
export function pastOf(bucket: Bucket | null, { seconds }: LentSpan): PastUses {
  return bucket?.past ?? new PastUses({ seconds, uses: [] })
}
