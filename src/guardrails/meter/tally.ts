/**
 * Amounts of the past with their times, as far as a threshold asks for them. Those that came before others which reach
 * the threshold by themselves are dropped: the others stay in every span longer.
 */

/** Entries that are kept apart; beyond, two that follow one another become one. */
const MOST_ENTRIES = 256

type Entry = readonly [at: number, amount: number]

export interface Threshold {
  /** What the sum is compared with. */
  readonly threshold: number
  /** Whether two that become one count as long as the later of them, or only as long as the earlier. */
  readonly late: boolean
}

export class Tally {
  #entries: Entry[]
  /** Entries before it count no more. */
  #head = 0
  #total: number

  constructor(entries: readonly Entry[] = []) {
    this.#entries = [...entries]
    this.#total = entries.reduce((sum, [, amount]) => sum + amount, 0)
  }

  /** Milliseconds, of the newest; minus infinity where there is none. */
  get lastAt(): number {
    return this.#entries.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY
  }

  /**
   * What of it is in the span that ends now, up to somewhat more than the threshold. Asked at times that never run
   * backwards, so what has left the span is gone for good.
   */
  sum(spanMs: number, now: number): number {
    for (let entry = this.#entries[this.#head]; entry && entry[0] <= now - spanMs; entry = this.#entries[this.#head]) {
      this.#drop(entry)
    }
    return this.#total
  }

  add(amount: number, { threshold, late }: Threshold, spanMs: number, now: number): void {
    this.sum(spanMs, now)
    this.#entries.push([now, amount])
    this.#total += amount
    for (let entry = this.#entries[this.#head]; entry && this.#total - entry[1] > threshold;) {
      this.#drop(entry)
      entry = this.#entries[this.#head]
    }
    const [first, second] = [this.#entries[this.#head], this.#entries[this.#head + 1]]
    if (this.#entries.length - this.#head > MOST_ENTRIES && first && second) {
      this.#head += 1
      this.#entries[this.#head] = [late ? second[0] : first[0], first[1] + second[1]]
    }
    if (this.#head > MOST_ENTRIES) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
  }

  #drop([, amount]: Entry): void {
    this.#total -= amount
    this.#head += 1
  }

  toJSON(): readonly Entry[] {
    return this.#entries.slice(this.#head)
  }
}
