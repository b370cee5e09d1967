/** Pauses between the steps of a ledger. */

/** After this long without a step, credit that shared limits have lent is returned. */
const QUIET_MS = 2_000
/** A step that comes this long after the one before is alone. */
const LONE_MS = 1_000

export class Pauses {
  readonly #whenQuiet: () => void
  #steps = 0
  #lastStep = 0
  #isWaiting = false

  /** @param whenQuiet called once no steps have come for a while */
  constructor(whenQuiet: () => void) {
    this.#whenQuiet = whenQuiet
  }

  /** @param waits whether there is something to do when it is quiet: a timer keeps the object awake */
  step(now: number, waits: boolean): void {
    this.#lastStep = now
    this.#steps += 1
    if (waits && !this.#isWaiting) this.#wait()
  }

  /** By the number of steps: a clock that was set back would keep the object awake until it is where it was. */
  #wait(): void {
    this.#isWaiting = true
    const steps = this.#steps
    setTimeout(() => {
      this.#isWaiting = false
      if (this.#steps === steps) this.#whenQuiet()
      else this.#wait()
    }, QUIET_MS)
  }

  isLone(now: number): boolean {
    return now - this.#lastStep >= LONE_MS
  }
}
