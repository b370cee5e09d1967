/**
 * What it costs to evaluate a call. Policies and arguments multiply: a bound of 64 directories is cheap, a list of 5,000
 * paths is cheap, each path in each directory is not. So everything that evaluates the arguments of a call draws from one
 * meter, and a call that takes more than one call may is denied, whichever of them draws last.
 */

/**
 * Units of at most some ten nanoseconds: together at most some 8 ms. To receive, scan, hash and record what a call may
 * send costs more than that. The aim of both together is 25 ms, which `worst-request` measures (bench/README.md).
 */
export const WORK_OF_CALL = 750_000

export class OutOfWork extends Error {
  override readonly name = "OutOfWork"
}
/** Made once: a stack trace would cost more than many a decision. */
const OUT_OF_WORK = new OutOfWork("evaluating the call takes more work than a call may")

export class Work {
  readonly #most: number
  #read: Map<unknown, Map<string, unknown>> | undefined
  /** Units drawn until now. */
  spent = 0

  constructor(most: number = WORK_OF_CALL) {
    this.#most = most
  }

  /** Throws OutOfWork, which nothing takes for a result: it reaches the one that made the meter, and denies the call. */
  take(units: number): void {
    this.spent += units
    if (this.spent > this.#most) throw OUT_OF_WORK
  }

  /** Reads a text, and draws the units, once: bounds, rules and principals read the same text of a call. */
  once<Result>(read: (text: string, work: Work) => Result, text: string, units: number): Result {
    this.#read ??= new Map()
    let results = this.#read.get(read)
    if (!results) this.#read.set(read, (results = new Map()))
    const known = results.get(text)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what this very function returned
    if (known !== undefined) return known as Result
    this.take(units)
    const result = read(text, this)
    results.set(text, result)
    return result
  }
}
