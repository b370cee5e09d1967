/** The last occurrence of each of several values, in the order of time. */
import { Recent } from "./recent.ts"

export interface Mark {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Number of the call among those of the tree, which orders calls of the same millisecond. */
  readonly sequence: number
}

/** The number of values in all cells of one owner. */
export interface ValueCount {
  many: number
  /** Milliseconds since the epoch, when outdated values were last removed from all cells. */
  sweptAt: number
}

export class Marks {
  readonly #values = new Recent<Mark>()
  readonly #count: ValueCount

  /** @param count of the owner, to which these values are added */
  constructor(count: ValueCount = { many: 0, sweptAt: 0 }) {
    this.#count = count
  }

  get size(): number {
    return this.#values.size
  }

  get(value: string): Mark | undefined {
    return this.#values.get(value)
  }

  set(value: string, mark: Mark): void {
    const before = this.#values.size
    this.#values.set(value, mark)
    this.#count.many += this.#values.size - before
  }

  /** Forgets values that last occurred at this time or before. */
  forget(until: number): void {
    for (let oldest = this.#values.oldest(); oldest && oldest[1].at <= until; oldest = this.#values.oldest())
      this.#delete(oldest[0])
  }

  /** Milliseconds since the epoch. Infinity if there is no value. */
  oldestAt(): number {
    return this.#values.oldest()?.[1].at ?? Number.POSITIVE_INFINITY
  }

  /** Yields the values, the oldest first. */
  *values(): Generator<string> {
    for (const [value] of this.#values) yield value
  }

  /**
   * Yields the oldest values that must be dropped to make room for these, if at most so many are stored; never one of
   * these.
   */
  *surplus(values: readonly string[], most: number): Generator<string> {
    const coming = new Set(values)
    let surplus = this.size - most
    for (const value of coming) if (!this.#values.has(value)) surplus += 1
    if (surplus <= 0) return
    for (const [value] of this.#values) {
      if (coming.has(value)) continue
      yield value
      if (--surplus <= 0) return
    }
  }

  dropOldest(): void {
    const oldest = this.#values.oldest()
    if (oldest) this.#delete(oldest[0])
  }

  /** Removes all values. */
  clear(): void {
    this.forget(Number.POSITIVE_INFINITY)
  }

  #delete(value: string): void {
    this.#values.delete(value)
    this.#count.many -= 1
  }
}
