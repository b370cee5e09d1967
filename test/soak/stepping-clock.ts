/**
 * A platform's clock that makes steps of a second to 26 hours, in either direction, and is right again after a while;
 * and the time that counts by docs/reference/faults.md ("Steps of the clock"), which the models are asked by.
 *
 * It makes no step that the ledger cannot distinguish from a pause: none while a pause is still to be taken for one.
 */
import { START } from "../harness/trees.ts"
import type { Dice } from "./dice.ts"

const MOST_MS = 26 * 3_600_000
const STEPS_MS = [1_000, 5_000, 61_000, 300_000, 3_600_000, MOST_MS]
/** Turns from one excursion to the next, and of one, about. */
const EVERY = 500
const LASTS = 200

export class SteppingClock {
  readonly #dice: Dice
  readonly #unit: number
  /** How far ahead of true time it is. */
  #off = 0
  /** How far it is from here on, one after the other; the last is 0. */
  #plan: number[] = []
  /** Turns until the next step. */
  #turns = 0
  /** Where it is behind: no pause may be as long as the shortest step. */
  #longestWait = Number.POSITIVE_INFINITY
  /** It was ahead by so much: the first pause that is as long does not count. */
  #owed = 0
  #wall = START
  /** Milliseconds: true time and the leaps ahead, without the pauses that do not count. */
  counted = START
  steps = 0

  /** @param unit milliseconds of which each step, and each pause that is taken for one, is a multiple */
  constructor(dice: Dice, unit: number) {
    this.#dice = dice
    this.#unit = unit
    this.#turns = this.#dice.below(EVERY)
  }

  /** What the ledger sees. */
  get shown(): number {
    return this.#wall + this.#off
  }

  /** Whether a pause counts whatever its length. */
  get isPlain(): boolean {
    return this.#off === 0 && this.#owed === 0
  }

  /** @returns whether the time does not count: the ledger takes the pause for a step */
  wait(milliseconds: number): boolean {
    const pause = Math.min(Math.max(0, milliseconds), this.#longestWait)
    const isTakenForStep = this.#owed > 0 && pause >= this.#owed
    const ms = isTakenForStep ? Math.floor(pause / this.#unit) * this.#unit : pause
    this.#wall += ms
    if (isTakenForStep) this.#owed = 0
    else this.counted += ms
    return isTakenForStep
  }

  /** Once each turn. @returns whether the clock made a step, or a pause that is taken for one */
  turn(): boolean {
    this.#turns -= 1
    if (this.#turns > 0) return false
    if (this.#plan.length > 0) return this.#step(this.#plan.shift() ?? 0)
    this.#turns = 1
    if (this.#owed > 0) return this.wait(this.#owed + this.#dice.below(1_000))
    this.#plan = this.#planned()
    return false
  }

  #step(off: number): boolean {
    const by = off - this.#off
    if (this.#off === 0 && by > 0) this.counted += by
    if (this.#off > 0) this.#owed = this.#off
    if (off === 0) this.#longestWait = Number.POSITIVE_INFINITY
    this.#off = off
    this.steps += 1
    // Now and then what is owed is paid at once; otherwise by a pause that comes by chance, or before the next step.
    this.#turns = this.#plan.length > 0 ? 1 + this.#dice.below(2 * LASTS) : this.#dice.pick([1, EVERY, 2 * EVERY])
    return true
  }

  #planned(): number[] {
    const dice = this.#dice
    const length = (): number => {
      const ms = dice.chance(0.5) ? dice.pick(STEPS_MS) : 1_000 + dice.below(MOST_MS - 1_000)
      return Math.max(1, Math.floor(ms / this.#unit)) * this.#unit
    }
    if (dice.chance(0.25)) return [length(), 0]
    const behind = [length(), ...(dice.chance(0.5) ? [length()] : [])]
    this.#longestWait = Math.min(...behind) - 1
    return [...behind.map((_, index) => -behind.slice(0, index + 1).reduce((sum, each) => sum + each, 0)), 0]
  }
}
