/**
 * What a tree remembers for its guardrails: cells of a few kinds, each of an owner (a guardrail, or one condition of
 * it) and a key. Plain state, changed by notes alone (note.ts); how it is kept is the ledger's business.
 */
import type { Guardrail } from "./definition.ts"
import type { BucketMeter } from "./meter/bucket.ts"
import { Marks, type ValueCount } from "./meter/marks.ts"
import { OnceLog } from "./meter/once.ts"
import type { PeriodMeter } from "./meter/period.ts"
import type { SlidingMeter } from "./meter/sliding.ts"
import type { Trail } from "./meter/trail.ts"
import { Recent } from "./meter/recent.ts"

/** Cells of one owner, and values of one cell, at most: what a tree takes up must not grow with what it does. */
export const MOST_KEYS = 10_000
/** Values of all cells of one owner, at most. */
export const MOST_VALUES = 50_000
/** How often all cells of an owner are looked through for values that count no more: in each such part of the span. */
const SWEEPS = 100

/** Of each owner in the order of their last use: those that are stale come first. */
export class Cells<Cell> {
  readonly #owners = new Map<string, Recent<Cell>>()

  find(owner: string, key: string): Cell | undefined {
    return this.#owners.get(owner)?.get(key)
  }

  set(owner: string, key: string, cell: Cell): void {
    let cells = this.#owners.get(owner)
    if (!cells) this.#owners.set(owner, (cells = new Recent()))
    cells.set(key, cell)
  }

  /** How many cells an owner has. */
  many(owner: string): number {
    return this.#owners.get(owner)?.size ?? 0
  }

  /** Those of one owner with their keys, the one that was used last at the end. */
  of(owner: string): Iterable<readonly [key: string, cell: Cell]> {
    return this.#owners.get(owner) ?? []
  }

  /** Whether there is room for the key, once what is stale is dropped where there was none. */
  hasRoom(owner: string, key: string, isStale: (cell: Cell) => boolean): boolean {
    const cells = this.#owners.get(owner)
    if (cells === undefined || cells.size < MOST_KEYS || cells.has(key)) return true
    for (let oldest = cells.oldest(); oldest && isStale(oldest[1]); oldest = cells.oldest()) cells.delete(oldest[0])
    return cells.size < MOST_KEYS
  }

  /** The key that has to go as this one comes. */
  surplus(owner: string, key: string): string | undefined {
    const cells = this.#owners.get(owner)
    return cells && cells.size >= MOST_KEYS && !cells.has(key) ? cells.oldest()?.[0] : undefined
  }

  drop(owner: string, key: string): void {
    this.#owners.get(owner)?.delete(key)
  }

  *[Symbol.iterator](): Generator<readonly [owner: string, key: string, cell: Cell]> {
    for (const [owner, cells] of this.#owners) for (const [key, cell] of cells) yield [owner, key, cell]
  }
}

/** What of the last call is remembered; `value` null: it was none of those asked about. */
export interface Last {
  readonly value: string | null
  /** Milliseconds. */
  readonly at: number
  /** Calls that were denied since, and let through by an observing gateway: each may have been the last. */
  readonly denied: readonly DeniedSince[]
}

export interface DeniedSince {
  /** Null: it may be any. */
  readonly value: string | null
  /** Milliseconds. */
  readonly at: number
}

export interface Flight {
  /** Milliseconds; it has ended then at the latest. */
  readonly until: number
  /** That let it through, and may say that it has ended. */
  readonly gateway: string
}

/** Calls in flight, by decision. */
export type CallsInFlight = Map<string, Flight>

/** What the count that all trees share has lent to this one. */
export interface Credit {
  /** Not used so far. */
  readonly left: number
  /** Of the whole count, as it was told and with what was used since. */
  readonly used: number
  /** It has just been asked for more, and has none. */
  readonly refused: Refused | null
  /** What is left was granted in spite of that, to a call that a person has approved. */
  readonly over: Refused | null
  /** It has just been asked if it has room for so much, and has; nothing was taken. Absent: it has not been asked. */
  readonly room?: number
}

/** A shared count has no room: what counts, and milliseconds until there is. */
export interface Refused {
  readonly used: number
  readonly waits: number
}

export class Memory {
  readonly sliding = new Cells<SlidingMeter>()
  readonly periods = new Cells<PeriodMeter>()
  readonly buckets = new Cells<BucketMeter>()
  readonly marks = new Cells<Marks>()
  readonly tallies = new Cells<SlidingMeter>()
  readonly lasts = new Cells<Last>()
  readonly trails = new Cells<Trail>()
  readonly credits = new Cells<Credit>()
  readonly flights = new Cells<CallsInFlight>()
  /** Calls that any note was made of; each has the next number. */
  sequence = 0
  /** Of guardrails on repeated calls, by owner: the calls that were made once. */
  readonly once = new Map<string, OnceLog>()
  readonly #values = new Map<string, ValueCount>()
  readonly wokenAt: number

  /** @param wokenAt milliseconds, when it was read from storage; minus infinity: it began empty */
  constructor(wokenAt = Number.NEGATIVE_INFINITY) {
    this.wokenAt = wokenAt
  }

  /** Where what a guardrail keeps in mind is to be looked for. */
  of(_guardrail: Guardrail): Memory {
    return this
  }

  onceOf(owner: string): OnceLog {
    let once = this.once.get(owner)
    if (!once) this.once.set(owner, (once = new OnceLog()))
    return once
  }

  /** The values of a cell; of one that is not there, none. */
  marksOf(owner: string, key: string): Marks {
    return this.marks.find(owner, key) ?? new Marks(this.#valuesOf(owner))
  }

  #valuesOf(owner: string): ValueCount {
    let values = this.#values.get(owner)
    if (!values) this.#values.set(owner, (values = { many: 0, sweptAt: Number.NEGATIVE_INFINITY }))
    return values
  }

  /**
   * Whether so many new values of a cell can be kept.
   * @param before milliseconds: what was last there then counts no more
   * @param spanMs null: all count for as long as the tree lives
   */
  hasRoomForValues(owner: string, key: string, many: number, before: number, spanMs: number | null): boolean {
    const isEmpty = (marks: Marks): boolean => {
      marks.forget(before)
      return marks.size === 0
    }
    const values = this.#valuesOf(owner)
    if (values.many + many > MOST_VALUES && spanMs !== null && before >= values.sweptAt + spanMs / SWEEPS) {
      values.sweptAt = before
      for (const [, marks] of this.marks.of(owner)) marks.forget(before)
    }
    return values.many + many <= MOST_VALUES && this.marks.hasRoom(owner, key, isEmpty)
  }

  /** Keys that have to go as so many new values of this one come: those that were used longest ago. */
  surplusOfValues(owner: string, key: string, many: number): readonly string[] {
    let surplus = this.#valuesOf(owner).many + many - MOST_VALUES
    let cells = this.marks.many(owner) + (this.marks.find(owner, key) ? 0 : 1) - MOST_KEYS
    const keys: string[] = []
    if (surplus <= 0 && cells <= 0) return keys
    for (const [each, marks] of this.marks.of(owner)) {
      if (surplus <= 0 && cells <= 0) break
      if (each === key) continue
      keys.push(each)
      surplus -= marks.size
      cells -= 1
    }
    return keys
  }
}
