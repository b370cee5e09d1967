/** Chance that comes out the same for the same seed, so that a run which finds something can be repeated. */
import { randomOf } from "../harness/random.ts"

export class Dice {
  /** From 0 to below 1. */
  readonly next: () => number

  /** @param name of what is run: kinds that share a seed are not in step */
  constructor(seed: number, name: string) {
    let hash = seed
    for (const letter of name) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01_00_01_93)
    this.next = randomOf(hash)
  }

  below(bound: number): number {
    return Math.floor(this.next() * bound)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error("there is nothing to pick from")
    return item
  }

  /** Most are small: the first of the keys come up often, the last of them hardly ever. */
  skewed(bound: number): number {
    return Math.floor(this.next() ** 3 * bound)
  }
}
