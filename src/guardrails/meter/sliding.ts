/**
 * Exactly so much in any span: each amount counts for the whole span from when it was admitted. Two admissions that are
 * exactly a span apart do not share one. Each costs amortised constant time.
 */
import { readingOf, type Reading } from "./meter.ts"

interface Entry {
  at: number
  amount: number
}

/**
 * Entries that are kept apart. Beyond, an amount joins the one before it, which then counts as late as it: that only
 * ever refuses sooner.
 */
const MOST_ENTRIES = 131_072

export class SlidingMeter {
  #entries: Entry[] = []
  /** Entries before it count no more. */
  #head = 0
  #total = 0

  /** Milliseconds, of the newest; minus infinity where there is none. */
  get lastAt(): number {
    return this.#entries.at(-1)?.at ?? Number.NEGATIVE_INFINITY
  }

  /** What counted when it was last read, and what was admitted since. */
  get total(): number {
    return this.#total
  }

  read(limit: number, spanMs: number, asked: number, now: number): Reading {
    this.#forget(now - spanMs)
    return readingOf(this.#total, asked, limit, () => this.#waits(this.#total + asked - limit, spanMs, now))
  }

  admit(amount: number, now: number): void {
    this.#total += amount
    const last = this.#entries.at(-1)
    if (last && (last.at === now || this.#entries.length - this.#head >= MOST_ENTRIES)) {
      last.at = now
      last.amount += amount
    } else this.#entries.push({ at: now, amount })
  }

  /** Until so much of it counts no more. */
  #waits(excess: number, spanMs: number, now: number): number {
    let freed = 0
    for (let index = this.#head; index < this.#entries.length; index++) {
      const entry = this.#entries[index]
      if (entry && (freed += entry.amount) >= excess) return entry.at + spanMs - now
    }
    return spanMs
  }

  #forget(until: number): void {
    let entry = this.#entries[this.#head]
    while (entry && entry.at <= until) {
      this.#total -= entry.amount
      entry = this.#entries[++this.#head]
    }
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head)
      this.#head = 0
    }
  }
}
