/**
 * What a tree remembers for its guardrails: cells of a few kinds, each of an owner (a guardrail, or one condition of
 * it) and a key. Plain state, changed by notes alone (note.ts); how it is kept is the ledger's business.
 */
import type { Guardrail } from "./definition.ts"
import type { BucketMeter } from "./meter/bucket.ts"
import type { Marks } from "./meter/marks.ts"
import type { PeriodMeter } from "./meter/period.ts"
import type { SlidingMeter } from "./meter/sliding.ts"
import type { Tally } from "./meter/tally.ts"
import type { Trail } from "./meter/trail.ts"

/** Cells of one owner, and values of one cell, at most: what a tree takes up must not grow with what it does. */
export const MOST_KEYS = 10_000

export class Cells<Cell> {
  readonly #owners = new Map<string, Map<string, Cell>>()

  find(owner: string, key: string): Cell | undefined {
    return this.#owners.get(owner)?.get(key)
  }

  set(owner: string, key: string, cell: Cell): void {
    const cells = this.#owners.get(owner)
    if (cells) cells.set(key, cell)
    else this.#owners.set(owner, new Map([[key, cell]]))
  }

  /** Those of one owner, by key. */
  of(owner: string): ReadonlyMap<string, Cell> {
    return this.#owners.get(owner) ?? new Map<string, Cell>()
  }

  /** Whether there is room for the key, once what is stale is dropped where there was none. */
  hasRoom(owner: string, key: string, isStale: (cell: Cell) => boolean): boolean {
    const cells = this.#owners.get(owner)
    if (cells === undefined || cells.size < MOST_KEYS || cells.has(key)) return true
    for (const [each, cell] of cells) if (isStale(cell)) cells.delete(each)
    return cells.size < MOST_KEYS
  }

  /** The key that was there first of those that can be spared. */
  spare(owner: string, canBeSpared: (cell: Cell) => boolean): string | undefined {
    for (const [key, cell] of this.#owners.get(owner) ?? []) if (canBeSpared(cell)) return key
    return undefined
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
}

export interface Flight {
  /** Milliseconds; it has ended then at the latest. */
  readonly until: number
  /** That let it through, and may say that it has ended. */
  readonly gateway: string
}

/** Calls in flight, by decision. */
export type Flights = Map<string, Flight>

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
  readonly tallies = new Cells<Tally>()
  readonly lasts = new Cells<Last>()
  readonly trails = new Cells<Trail>()
  readonly credits = new Cells<Credit>()
  readonly flights = new Cells<Flights>()
  /** Calls that any note was made of; each has the next number. */
  sequence = 0
  /**
   * Milliseconds: something may have been forgotten of what is remembered lazily, at this time at the latest (note.ts).
   * Minus infinity: nothing was.
   */
  readonly forgotten = new Map<string, number>()
  readonly wokenAt: number

  /** @param wokenAt milliseconds, when it was read from storage; minus infinity: it began empty */
  constructor(wokenAt = Number.NEGATIVE_INFINITY) {
    this.wokenAt = wokenAt
  }

  /** Where what a guardrail keeps in mind is to be looked for. */
  of(_guardrail: Guardrail): Memory {
    return this
  }

  /** When something was last forgotten of what an owner remembers lazily. */
  forgottenAt(owner: string): number {
    return Math.max(this.wokenAt, this.forgotten.get(owner) ?? Number.NEGATIVE_INFINITY)
  }
}
