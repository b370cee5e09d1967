/** Which takes used one value of a shared `distinct` in its span, and when the last use was. A take can be undone. */
import { UNDONE_WITHIN_MS } from "./span.ts"

export interface Use {
  /** Null if the take is no longer known. */
  readonly take: string | null
  /** Milliseconds since the epoch. */
  readonly at: number
}

export class Uses {
  /** Milliseconds since the epoch by take, oldest first. */
  readonly #byTake = new Map<string, number>()
  /** The time of the last use that can no longer be undone. Null if there is none. */
  #settledAt: number | null
  #last: Use | null

  /** @param before milliseconds, the last use by other takes; null if there is none */
  constructor(before: number | null) {
    this.#settledAt = before
    this.#last = before === null ? null : { take: null, at: before }
  }

  /** Null if no use is left. */
  get last(): Use | null {
    return this.#last
  }

  /** The number of takes that are known, plus one for all others. */
  get size(): number {
    return this.#byTake.size + (this.#settledAt === null ? 0 : 1)
  }

  get(take: string): number | undefined {
    return this.#byTake.get(take)
  }

  /** @param now no earlier than any other use */
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

  /** Moves all times with the clock. */
  move(by: number): void {
    for (const [take, at] of this.#byTake) this.#byTake.set(take, at + by)
    if (this.#settledAt !== null) this.#settledAt += by
    if (this.#last) this.#last = { ...this.#last, at: this.#last.at + by }
  }

  /** @returns whether the take had used the value */
  undo(take: string): boolean {
    if (!this.#byTake.delete(take)) return false
    if (this.#last?.take !== take) return true
    this.#last = this.#settledAt === null ? null : { take: null, at: this.#settledAt }
    for (const [each, at] of this.#byTake) this.#last = { take: each, at }
    return true
  }
}
