/**
 * What was used of a shared limit before the blocks that its bucket tells apart. A bucket that is full again says
 * nothing of it, but a span that takes the place of the bucket counts it: otherwise a limit that is a bucket for a while
 * would admit its span's whole amount again. Uses are merged, each as though it were as late as the last of its slot, so
 * merging only ever refuses sooner.
 */
import type { LentSpan } from "./lending.ts"

/** In the length for which uses are kept: they stand in the row of the state, which must stay short. */
const SLOTS = 16

export interface Used {
  /** Milliseconds. */
  readonly at: number
  readonly count: number
}

export interface StoredPast {
  /** For which uses are kept: the longest of the spans that these uses were counted in. */
  readonly seconds: number
  /** Oldest first. */
  readonly uses: readonly Used[]
}

export class Past {
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

  /** @param used not earlier than any other */
  add({ at, count }: Used): void {
    if (count === 0) return
    const last = this.#uses.at(-1)
    const width = Math.ceil((this.seconds * 1000) / SLOTS)
    const joins = last !== undefined && Math.floor(last.at / width) === Math.floor(at / width)
    if (joins) this.#uses.pop()
    this.#uses.push({ at, count: joins ? last.count + count : count })
    while (this.#uses[0] && this.#uses[0].at <= at - this.seconds * 1000) this.#uses.shift()
  }

  /** The same with later uses, for a bucket of another definition. */
  extended(span: LentSpan, later: Iterable<Used>): Past {
    return new Past({ seconds: Math.max(this.seconds, span.seconds), uses: [...this.#uses, ...later] })
  }

  /** Milliseconds: when the last of these uses, or a later one, has left every span that may count it. */
  leavesAt(last: number): number {
    return Math.max(last, this.#uses.at(-1)?.at ?? Number.NEGATIVE_INFINITY) + this.seconds * 1000
  }
}
