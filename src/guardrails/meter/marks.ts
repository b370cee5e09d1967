/** When each of some values was last there, the one that was there last at the end. */

export interface Mark {
  /** Milliseconds. */
  readonly at: number
  /** Number of the call among those of the tree: tells the order of calls of one millisecond. */
  readonly sequence: number
}

export class Marks {
  readonly #values = new Map<string, Mark>()

  get size(): number {
    return this.#values.size
  }

  get(value: string): Mark | undefined {
    return this.#values.get(value)
  }

  set(value: string, mark: Mark): void {
    this.#values.delete(value)
    this.#values.set(value, mark)
  }

  /** Milliseconds, of the newest; minus infinity where there is none. */
  lastAt(): number {
    let last = Number.NEGATIVE_INFINITY
    // In the order of their times, but for what was loaded; so the newest is near the end, and this is asked rarely.
    for (const { at } of this.#values.values()) last = Math.max(last, at)
    return last
  }

  /** Those that were last there at that time or before are gone for good. */
  forget(until: number): void {
    for (const [value, { at }] of this.#values) {
      if (at > until) return
      this.#values.delete(value)
    }
  }

  /** Times of all, the oldest first. */
  *times(): Generator<number> {
    for (const { at } of this.#values.values()) yield at
  }

  oldest(): string | undefined {
    return this.#values.keys().next().value
  }

  dropOldest(): void {
    const oldest = this.oldest()
    if (oldest !== undefined) this.#values.delete(oldest)
  }
}
