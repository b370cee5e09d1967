/**
 * What a bucket holds that trees share, as though all that is lent were in it still: it may be given back. What was
 * used goes out as its block is closed, the latest that it can have been used. So what was not used leaves no trace:
 * where less was than was thought, all is told again from the blocks, and what flows over then would have flowed over.
 */
import { tokenUnits, type LentBucket } from "./level.ts"
import type { LentSpan } from "./lending.ts"
import { Past } from "./past.ts"
import type { Block, State, StoredLevel } from "./rows.ts"

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
  /** Of the same time as `before`. */
  readonly past: Past

  /** @param before the first block that is told apart */
  constructor(span: LentBucket, limit: number, before: Level, past: Past) {
    this.#span = span
    this.#limit = limit
    this.past = past
    this.#before = before
    this.#after = before
  }

  /** What it held before the first block that is told apart, as storage has it beside the blocks. */
  stored(): StoredLevel {
    const { at, units } = this.#before
    return { at, units: units.toString(), past: { seconds: this.past.seconds, uses: [...this.past.uses] } }
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
    this.past.add({ at: block.closedAt, count: block.used })
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

/** As it was stored; null: the limit is none. */
export function bucketOf({ limit: { span, limit }, clock, before }: State): Bucket | null {
  if (span.kind !== "bucket") return null
  const level = { at: before?.at ?? clock, units: BigInt(before?.units ?? 0) }
  return new Bucket(span, limit, level, new Past(before?.past ?? { seconds: span.seconds, uses: [] }))
}

/** Of a count that was no bucket so far: nothing, and that for its span. */
export function pastOf(bucket: Bucket | null, { seconds }: LentSpan): Past {
  return bucket?.past ?? new Past({ seconds, uses: [] })
}
