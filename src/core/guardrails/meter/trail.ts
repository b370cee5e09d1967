/**
 * The last calls of a task or a tree, as many as the longest cycle needs. For each length of a cycle it has the number
 * of latest calls that each equal the call so many calls before. A call costs as many comparisons as there are lengths.
 */

export interface TrailState {
  /** The last calls, the newest at the end. Null for a call that is unknown and may have been any. */
  readonly calls: readonly (string | null)[]
  /** By length, from 2 on. */
  readonly runs: readonly number[]
  /** Milliseconds since the epoch, when the last call was made. */
  readonly lastAt: number
}

export class Trail {
  #state: TrailState

  constructor(state: TrailState) {
    this.#state = state
  }

  /** Returns a trail of unknown calls, of which only the first round of a cycle is assumed. */
  static unknown(): Trail {
    const calls = Array.from({ length: LONGEST }, () => null)
    return new Trail({ calls, runs: LENGTHS.map((length) => length - 1), lastAt: 0 })
  }

  static empty(): Trail {
    return new Trail({ calls: [], runs: [], lastAt: 0 })
  }

  get lastAt(): number {
    return this.#state.lastAt
  }

  /** Returns the runs after one more call. */
  runsWith(call: string): readonly number[] {
    const { calls, runs } = this.#state
    return LENGTHS.map((length, index) => {
      const before = calls.at(-length)
      return calls.length >= length && (before === null || before === call) ? (runs[index] ?? 0) + 1 : 0
    })
  }

  /** Returns whether the last so many calls are known and all equal this one. */
  repeats(call: string, many: number): boolean {
    const last = this.#state.calls.slice(-many)
    return last.length === many && last.every((each) => each === call)
  }

  /** @param now milliseconds since the epoch */
  add(call: string, now: number): void {
    this.#state = { runs: this.runsWith(call), calls: [...this.#state.calls, call].slice(-LONGEST), lastAt: now }
  }

  toJSON(): TrailState {
    return this.#state
  }
}

/** Independent of the cycles that a bundle detects, because a newer bundle may detect longer ones. */
const LONGEST = 8
/** The lengths of cycles. */
const LENGTHS = Array.from({ length: LONGEST - 1 }, (_, index) => index + 2)
