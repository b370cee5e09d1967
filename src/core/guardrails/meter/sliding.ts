/**
 * Amounts with their times, for a span that ends now. While there are few, each amount is an entry of its own. Beyond
 * that, an amount joins the entry before it if that one began less than a slot, a hundredth of the span, ago. So the
 * number of entries is bounded, and the time of each amount is known to a hundredth of the span. An entry has a first
 * and a last time: counting it until its last amount leaves is never too little, counting it until its first amount
 * leaves is never too much. Two amounts exactly a span apart do not share an entry. Each operation takes amortized
 * constant time.
 */
import { readingOf, type Reading } from "./meter.ts"

export interface Entry {
  /** Milliseconds since the epoch, of its first and its last amount. */
  readonly first: number
  readonly last: number
  readonly amount: number
}

/** When an amount joins the entry before it. */
export interface Precision {
  /** The number of entries from which on amounts join. */
  readonly apart: number
  /** Milliseconds: an amount joins an entry that began less than this long ago. */
  readonly slotMs: number
}

/** The number of slots of a span. */
const SLOTS = 100
/** How many entries all cells of one owner keep individually; each cell has an equal share. */
const MOST_APART = 131_072
/** Each cell keeps at least so many, however many cells there are. */
const FEWEST_APART = 16

/** @param cells the number of cells of their owner */
export function precisionOf(cells: number, spanMs: number, most = MOST_APART): Precision {
  const share = Math.floor(MOST_APART / Math.max(1, cells))
  return { apart: Math.max(FEWEST_APART, Math.min(most, share)), slotMs: spanMs / SLOTS }
}

/** Three numbers for each entry: there are many entries, and objects would take three times the memory. */
interface Page {
  readonly numbers: number[]
  /** The index before which entries no longer count. */
  head: number
  total: number
}
const WIDTH = 3
const PAGE = 512 * WIDTH

export class SlidingMeter {
  readonly #pages: Page[] = []
  #size = 0
  #total = 0

  /** What counted at the last reading, plus what was admitted since. */
  get total(): number {
    return this.#total
  }

  /** Milliseconds since the epoch, of the latest entry. Minus infinity if there is none. */
  get lastAt(): number {
    return this.last?.last ?? Number.NEGATIVE_INFINITY
  }

  /** Null if there is none. */
  get last(): Entry | null {
    const numbers = this.#size > 0 ? this.#pages.at(-1)?.numbers : undefined
    return numbers ? entryAt(numbers, numbers.length - WIDTH) : null
  }

  read(limit: number, spanMs: number, amount: number, now: number): Reading {
    const used = this.upTo(spanMs, now)
    return readingOf(used, amount, limit, () => this.#waits(used + amount - limit, spanMs, now))
  }

  /**
   * Returns the sum in the span, never too little. Its times never run backwards, so what has left the span is dropped.
   */
  upTo(spanMs: number, now: number): number {
    this.#forget(now - spanMs)
    return this.#total
  }

  /**
   * Returns the sum in the span, never too much. An entry that began before the span does not count: this is at most the
   * oldest, and after a step of the clock each of which the last time moved (ledger/clock-correction.ts).
   */
  atLeast(spanMs: number, now: number): number {
    let sum = this.upTo(spanMs, now)
    for (const { numbers, head, total } of this.#pages) {
      if (entryAt(numbers, numbers.length - WIDTH).first <= now - spanMs) {
        sum -= total
        continue
      }
      for (let at = head; entryAt(numbers, at).first <= now - spanMs; at += WIDTH) sum -= entryAt(numbers, at).amount
      break
    }
    return sum
  }

  /** Returns the entry that an amount would become part of. */
  next(amount: number, now: number, { apart, slotMs }: Precision = EXACT): Entry {
    const { last } = this
    const joins = last !== null && (last.last === now || (this.#size >= apart && now - last.first < slotMs))
    return joins ? { first: last.first, last: now, amount: last.amount + amount } : { first: now, last: now, amount }
  }

  admit(amount: number, now: number, precision?: Precision): void {
    this.put(this.next(amount, now, precision))
  }

  /** Adds an entry, or replaces the last one if both began at the same time. */
  put({ first, last, amount }: Entry): void {
    if (this.last?.first === first) this.#dropLast()
    let page = this.#pages.at(-1)
    if (!page || page.numbers.length >= PAGE) this.#pages.push((page = { numbers: [], head: 0, total: 0 }))
    page.numbers.push(first, last, amount)
    page.total += amount
    this.#total += amount
    this.#size += 1
  }

  #dropLast(): void {
    const page = this.#pages.at(-1)
    if (!page) return
    const at = page.numbers.length - WIDTH
    const { amount } = entryAt(page.numbers, at)
    page.numbers.length = at
    page.total -= amount
    this.#total -= amount
    this.#size -= 1
  }

  /** Returns milliseconds until so much of it no longer counts. */
  #waits(excess: number, spanMs: number, now: number): number {
    let freed = 0
    for (const { numbers, head, total } of this.#pages) {
      if (freed + total < excess) {
        freed += total
        continue
      }
      for (let at = head; at < numbers.length; at += WIDTH) {
        const { last, amount } = entryAt(numbers, at)
        if ((freed += amount) >= excess) return last + spanMs - now
      }
    }
    return spanMs
  }

  #forget(until: number): void {
    for (let page = this.#pages[0]; page; page = this.#pages[0]) {
      while (page.head < page.numbers.length) {
        const { last, amount } = entryAt(page.numbers, page.head)
        if (last > until) return compact(page)
        page.head += WIDTH
        page.total -= amount
        this.#total -= amount
        this.#size -= 1
      }
      this.#pages.shift()
    }
  }
}

/** Frees the memory of outdated entries, so that it stays in proportion to the others. */
function compact(page: Page): void {
  if (page.head < COMPACT_FROM || page.head * 2 < page.numbers.length) return
  page.numbers.splice(0, page.head)
  page.head = 0
}
const COMPACT_FROM = 16 * WIDTH

const EXACT: Precision = { apart: Number.POSITIVE_INFINITY, slotMs: 0 }

function entryAt(numbers: readonly number[], at: number): Entry {
  return { first: numbers[at] ?? 0, last: numbers[at + 1] ?? 0, amount: numbers[at + 2] ?? 0 }
}
