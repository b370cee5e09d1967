/** Chance that comes out the same for the same seed, so that a run which finds something can be repeated. */

export class Dice {
  #state: number

  /** @param name of what is run: kinds that share a seed are not in step */
  constructor(seed: number, name: string) {
    let hash = seed
    for (const letter of name) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01_00_01_93)
    this.#state = hash
  }

  /** From 0 to below 1: mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d_2b_79_f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
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
