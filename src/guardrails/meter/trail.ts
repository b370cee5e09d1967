/**
 * The last calls of a task or a tree, as far as a circle of them can be long: for each length, how many of the calls,
 * up to the last, were the same as the one so many calls before. A call costs as many comparisons as there are lengths.
 */

export interface TrailState {
  /** The last calls, the newest at the end; null: not known any more, and taken for any. */
  readonly calls: readonly (string | null)[]
  /** By length, from 2 on. */
  readonly runs: readonly number[]
}

export class Trail {
  #state: TrailState

  constructor(state: TrailState) {
    this.#state = state
  }

  /** Of which nothing is known any more: what was before may have been anything. */
  static unknown(longest: number): Trail {
    return new Trail({ calls: Array.from({ length: longest }, () => null), runs: [] })
  }

  static empty(): Trail {
    return new Trail({ calls: [], runs: [] })
  }

  /** The runs as they would be with one more call. */
  runsWith(call: string, longest: number): readonly number[] {
    const { calls, runs } = this.#state
    return Array.from({ length: longest - 1 }, (_, index) => {
      const length = index + 2
      const before = calls.at(-length)
      return calls.length >= length && (before === null || before === call) ? (runs[index] ?? 0) + 1 : 0
    })
  }

  /** Whether the last so many calls were all this one, as far as that is known. */
  isOnly(call: string, count: number): boolean {
    const { calls } = this.#state
    return calls.length >= count && calls.slice(-count).every((each) => each === call)
  }

  add(call: string, longest: number): void {
    this.#state = { runs: this.runsWith(call, longest), calls: [...this.#state.calls, call].slice(-longest) }
  }

  toJSON(): TrailState {
    return this.#state
  }
}
