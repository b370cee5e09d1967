/**
 * What was used of a shared limit before the blocks that its bucket keeps individually. The level of a full bucket does
 * not show these uses, but a span that replaces the bucket counts them: otherwise a limit that is a bucket for a while
 * would allow its span's whole amount again. Uses are merged by slots and count until the last of their slot leaves, so
 * merging can only deny sooner.
 */
import type { LentSpan } from "./lending.ts"

/** How many slots the kept time has. They are stored in the row of the state, which must stay short. */
const SLOTS = 16

export interface Used {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly count: number
}

export interface StoredPast {
  /** How long uses are kept: the longest of the spans in which they were counted. */
  readonly seconds: number
  /** Oldest first. */
  readonly uses: readonly Used[]
}

export class PastUses {
  readonly seconds: number
  readonly #uses: Used[] = []

  constructor({ seconds, uses }: StoredPast) {
    this.seconds = seconds
    for (const used of uses) this.add(used)
  }

  /** Oldest first. */
  get uses(): readonly Used[] {
    return this.#uses
  }

  /** @param used one that is no earlier than any other */
  add({ at, count }: Used): void {
    if (count === 0) return
    const last = this.#uses.at(-1)
    const width = Math.ceil((this.seconds * 1000) / SLOTS)
    const joins = last !== undefined && Math.floor(last.at / width) === Math.floor(at / width)
    if (joins) this.#uses.pop()
    this.#uses.push({ at, count: joins ? last.count + count : count })
    while (this.#uses[0] && this.#uses[0].at <= at - this.seconds * 1000) this.#uses.shift()
  }

  /** Moves all times with the clock. */
  move(by: number): void {
    for (const [nth, { at, count }] of this.#uses.entries()) this.#uses[nth] = { at: at + by, count }
  }

  /** Returns a copy with later uses, for a bucket of another definition. */
  extended(span: LentSpan, later: Iterable<Used>): PastUses {
    return new PastUses({ seconds: Math.max(this.seconds, span.seconds), uses: [...this.#uses, ...later] })
  }

  /**
   * Returns when the last of these uses, or a later one, has left every span that may count it. Milliseconds since the
   * epoch.
   */
  leavesAt(last: number): number {
    return Math.max(last, this.#uses.at(-1)?.at ?? Number.NEGATIVE_INFINITY) + this.seconds * 1000
  }
}
