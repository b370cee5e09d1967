/** When each of some values was last there, in the order of these times. */
import { Recent } from "./recent.ts"

export interface Mark {
  /** Milliseconds. */
  readonly at: number
  /** Number of the call among those of the tree: tells the order of calls of one millisecond. */
  readonly sequence: number
}

/** Values of all cells of one owner. */
export interface ValueCount {
  many: number
  /** Milliseconds, when all cells were last rid of what counts no more. */
  sweptAt: number
}

export class Marks {
  readonly #values = new Recent<Mark>()
  readonly #count: ValueCount

  /** @param count to which its values are added */
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

  /** Those that were last there at that time or before are gone for good. */
  forget(until: number): void {
    for (let oldest = this.#values.oldest(); oldest && oldest[1].at <= until; oldest = this.#values.oldest())
      this.#delete(oldest[0])
  }

  /** Milliseconds; infinity where there is none. */
  oldestAt(): number {
    return this.#values.oldest()?.[1].at ?? Number.POSITIVE_INFINITY
  }

  /** The oldest first. */
  *values(): Generator<string> {
    for (const [value] of this.#values) yield value
  }

  /** The oldest of them, once as many values are kept as may be and these come: each but the new ones themselves. */
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

  /** Nothing of it counts any more. */
  clear(): void {
    this.forget(Number.POSITIVE_INFINITY)
  }

  #delete(value: string): void {
    this.#values.delete(value)
    this.#count.many -= 1
  }
}
