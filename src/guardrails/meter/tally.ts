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
  #entries: readonly Entry[]

  constructor(entries: readonly Entry[] = []) {
    this.#entries = entries
  }

  /** Milliseconds, of the newest; minus infinity where there is none. */
  get lastAt(): number {
    return this.#entries.at(-1)?.[0] ?? Number.NEGATIVE_INFINITY
  }

  /** What of it is in the span that ends now, up to somewhat more than the threshold. */
  sum(spanMs: number, now: number): number {
    let sum = 0
    for (const [at, amount] of this.#entries) if (at > now - spanMs) sum += amount
    return sum
  }

  add(amount: number, { threshold, late }: Threshold, spanMs: number, now: number): void {
    const kept = this.#entries.filter(([at]) => at > now - spanMs)
    const next: Entry[] = [...kept, [now, amount]]
    let beyond = next.reduce((sum, [, each]) => sum + each, 0) - threshold
    while (next.length > 1 && next[0] && beyond - next[0][1] > 0) beyond -= next.shift()?.[1] ?? 0
    const [first, second] = next
    if (next.length > MOST_ENTRIES && first && second) {
      next.splice(0, 2, [late ? second[0] : first[0], first[1] + second[1]])
    }
    this.#entries = next
  }

  toJSON(): readonly Entry[] {
    return this.#entries
  }
}
