/** By which takes one value of a shared `distinct` was used in its span, and when last: a take can be undone. */
import { UNDONE_WITHIN_MS } from "./span.ts"

export interface Use {
  /** Null: of those that are told apart no more. */
  readonly take: string | null
  /** Milliseconds. */
  readonly at: number
}

export class Uses {
  /** Milliseconds, oldest first. */
  readonly #byTake = new Map<string, number>()
  /** The last of those that cannot be undone any more. */
  #settledAt: number | null
  #last: Use | null

  /** @param before milliseconds: others may have used it until then; null: nobody has */
  constructor(before: number | null) {
    this.#settledAt = before
    this.#last = before === null ? null : { take: null, at: before }
  }

  /** Null: there is none any more. */
  get last(): Use | null {
    return this.#last
  }

  /** Of takes, as far as they are told apart. */
  get size(): number {
    return this.#byTake.size + (this.#settledAt === null ? 0 : 1)
  }

  get(take: string): number | undefined {
    return this.#byTake.get(take)
  }

  /** @param now not earlier than any other */
  add(take: string, now: number): void {
    this.#byTake.delete(take)
    this.#byTake.set(take, now)
    this.#last = { take, at: now }
    for (const [each, at] of this.#byTake) {
      if (at > now - UNDONE_WITHIN_MS) break
      this.#byTake.delete(each)
      this.#settledAt = at
    }
  }

  /** @returns whether it was one */
  undo(take: string): boolean {
    if (!this.#byTake.delete(take)) return false
    if (this.#last?.take !== take) return true
    this.#last = this.#settledAt === null ? null : { take: null, at: this.#settledAt }
    for (const [each, at] of this.#byTake) this.#last = { take: each, at }
    return true
  }
}
