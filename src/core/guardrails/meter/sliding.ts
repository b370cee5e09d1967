/**
 * Amounts with their times, for spans that end now. Each amount is an entry of its own while there are few. Beyond
 * that, an amount joins the entry before it if that entry began less than a slot, a hundredth of the span, ago. So the
 * entries are bounded, and each knows the time of each of its amounts to a hundredth of the span. An entry has both
 * ends: to count it until its last amount leaves never counts too little, to count it until its first amount leaves
 * never too much. Two amounts that are exactly a span apart do not share one. Each costs amortised constant time.
 */
import { readingOf, type Reading } from "./meter.ts"

export interface Entry {
  /** Milliseconds, of its first and of its last amount. */
  readonly first: number
  readonly last: number
  readonly amount: number
}

/** When an amount joins the entry before it. */
export interface Precision {
  /** Entries from which on it does. */
  readonly apart: number
  /** Milliseconds; if that entry began less than so long ago. */
  readonly slotMs: number
}

/** As a part of a span. */
const SLOTS = 100
/** Entries that all cells of one owner keep apart in all, each an equal share. */
const MOST_APART = 131_072
/** Whatever the number of cells, each keeps so many apart. */
const FEWEST_APART = 16

/** @param cells how many cells their owner has */
export function precisionOf(cells: number, spanMs: number, most = MOST_APART): Precision {
  const share = Math.floor(MOST_APART / Math.max(1, cells))
  return { apart: Math.max(FEWEST_APART, Math.min(most, share)), slotMs: spanMs / SLOTS }
}

/** Entries, each three numbers: they are many, and objects would take three times the memory. */
interface Page {
  readonly numbers: number[]
  /** Entries before it count no more. */
  head: number
  total: number
}
const WIDTH = 3
const PAGE = 512 * WIDTH

export class SlidingMeter {
  readonly #pages: Page[] = []
  #size = 0
  #total = 0

  /** What counted when it was last read, and what was admitted since. */
  get total(): number {
    return this.#total
  }

  /** Milliseconds, of the newest; minus infinity where there is none. */
  get lastAt(): number {
    return this.last?.last ?? Number.NEGATIVE_INFINITY
  }

  /** Null where there is none. */
  get last(): Entry | null {
    const numbers = this.#size > 0 ? this.#pages.at(-1)?.numbers : undefined
    return numbers ? entryAt(numbers, numbers.length - WIDTH) : null
  }

  read(limit: number, spanMs: number, asked: number, now: number): Reading {
    const used = this.upTo(spanMs, now)
    return readingOf(used, asked, limit, () => this.#waits(used + asked - limit, spanMs, now))
  }

  /** Asked at times that never run backwards: what has left the span is gone for good. Never too little. */
  upTo(spanMs: number, now: number): number {
    this.#forget(now - spanMs)
    return this.#total
  }

  /** The same, and never too much: entries do not overlap, so at most the oldest reaches out of the span. */
  atLeast(spanMs: number, now: number): number {
    const total = this.upTo(spanMs, now)
    const [page] = this.#pages
    if (!page || this.#size === 0) return total
    const oldest = entryAt(page.numbers, page.head)
    return oldest.first <= now - spanMs ? total - oldest.amount : total
  }

  /** The entry that an amount will be part of, as it will be then. */
  next(amount: number, now: number, { apart, slotMs }: Precision = EXACT): Entry {
    const { last } = this
    const joins = last !== null && (last.last === now || (this.#size >= apart && now - last.first < slotMs))
    return joins ? { first: last.first, last: now, amount: last.amount + amount } : { first: now, last: now, amount }
  }

  admit(amount: number, now: number, precision?: Precision): void {
    this.put(this.next(amount, now, precision))
  }

  /** Adds an entry, or puts it in the place of the last one if that began when it did. */
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

  /** Until so much of it counts no more. */
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

/** Of few entries that live, few more are held that do not. */
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
