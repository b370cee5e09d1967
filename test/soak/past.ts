/** What the models remember: everything, with its time. Nothing is ever merged or forgotten early. */

/** Amounts by the time at which they were counted. */
export class Amounts {
  readonly #times: number[] = []
  /** The sum up to and with each. */
  readonly #sums: number[] = []

  add(at: number, amount: number): void {
    this.#sums.push((this.#sums.at(-1) ?? 0) + amount)
    this.#times.push(at)
  }

  /** The sum of all that was counted later than this. */
  since(time: number): number {
    const before = this.#firstAfter(time) - 1
    return (this.#sums.at(-1) ?? 0) - (this.#sums[before] ?? 0)
  }

  /** Of those that were counted later than this. */
  oldestSince(time: number): number | undefined {
    return this.#times[this.#firstAfter(time)]
  }

  #firstAfter(time: number): number {
    let [low, high] = [0, this.#times.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#times[middle] ?? 0) > time) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** Values, each with the time at which it was last seen. Questions go back to `cutoff`, which only moves on. */
export class Values {
  /** Seen after the cutoff, and no later than it; the oldest first. */
  readonly #recent = new Map<string, number>()
  readonly #old = new Map<string, number>()

  add(value: string, at: number): void {
    this.#old.delete(value)
    this.#recent.delete(value)
    this.#recent.set(value, at)
  }

  #moveTo(cutoff: number): void {
    for (const [value, at] of this.#recent) {
      if (at > cutoff) break
      this.#recent.delete(value)
      this.#old.set(value, at)
    }
  }

  /**
   * How many were seen after the cutoff, those of `more` included.
   * @param early so much before or after it as well
   */
  count(cutoff: number, more: readonly string[], early = 0): number {
    this.#moveTo(cutoff)
    const time = cutoff - early
    let count = this.#recent.size
    if (early < 0) {
      for (const at of this.#recent.values()) {
        if (at > time) break
        count -= 1
      }
    }
    if (early > 0) for (const at of this.#old.values()) if (at > time) count += 1
    return count + more.filter((value) => this.#last(value) <= time).length
  }

  #last(value: string): number {
    return this.#recent.get(value) ?? this.#old.get(value) ?? Number.NEGATIVE_INFINITY
  }

  oldestSince(cutoff: number): number | undefined {
    this.#moveTo(cutoff)
    const [oldest] = this.#recent.values()
    return oldest
  }

  /** What no question with so much slack can be about. */
  forgetBefore(time: number): void {
    for (const [value, at] of this.#old) {
      if (at > time) break
      this.#old.delete(value)
    }
  }
}
