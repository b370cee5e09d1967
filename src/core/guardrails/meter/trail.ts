/**
 * The last calls of a task or a tree, as far as any circle of them can be long: for each length, how many of the calls,
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

  /** Of which nothing is known any more but that it had not gone round twice: what was before may have been anything. */
  static unknown(): Trail {
    return new Trail({ calls: Array.from({ length: LONGEST }, () => null), runs: LENGTHS.map((length) => length - 1) })
  }

  static empty(): Trail {
    return new Trail({ calls: [], runs: [] })
  }

  /** The runs as they would be with one more call. */
  runsWith(call: string): readonly number[] {
    const { calls, runs } = this.#state
    return LENGTHS.map((length, index) => {
      const before = calls.at(-length)
      return calls.length >= length && (before === null || before === call) ? (runs[index] ?? 0) + 1 : 0
    })
  }

  /** Whether the last so many calls are known, and all were this one. */
  repeats(call: string, many: number): boolean {
    const last = this.#state.calls.slice(-many)
    return last.length === many && last.every((each) => each === call)
  }

  add(call: string): void {
    this.#state = { runs: this.runsWith(call), calls: [...this.#state.calls, call].slice(-LONGEST) }
  }

  toJSON(): TrailState {
    return this.#state
  }
}

/** Whatever circles are looked for now: a newer bundle may look for longer ones. */
const LONGEST = 8
/** Of circles. */
const LENGTHS = Array.from({ length: LONGEST - 1 }, (_, index) => index + 2)
