/**
 * The memory of a tree for its guardrails: cells of several kinds, each of an owner (a guardrail, or one of its
 * conditions) and a key. Only memory updates change it (memory-update.ts); the ledger stores it.
 */
import type { GuardrailDefinition } from "./definition.ts"
import type { BucketMeter } from "./meter/bucket.ts"
import { Marks, type ValueCount } from "./meter/marks.ts"
import { OnceLog } from "./meter/once.ts"
import type { PeriodMeter } from "./meter/period.ts"
import type { SlidingMeter } from "./meter/sliding.ts"
import type { Trail } from "./meter/trail.ts"
import { Recent } from "./meter/recent.ts"

/**
 * The most cells of one owner, and the most values of one cell: the size of a tree's memory must not grow with its
 * calls.
 */
export const MOST_KEYS = 10_000
/** The most values of all cells of one owner. */
const MOST_VALUES = 50_000
/** How many keys and values there may be. */
export interface Room {
  readonly keys: number
  readonly values: number
}
/** What a memory holds of one owner, unless several agents share it (agent-share.ts). */
export const WHOLE_ROOM: Room = { keys: MOST_KEYS, values: MOST_VALUES }
/** All cells of an owner are searched for outdated values at most once in each such part of the span. */
const SWEEPS = 100

/** Cells by owner, in the order of their last use, so that stale ones come first. */
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

  /** The number of cells of an owner. */
  many(owner: string): number {
    return this.#owners.get(owner)?.size ?? 0
  }

  /** The cells of one owner with their keys; the most recently used one is the last. */
  of(owner: string): Iterable<readonly [key: string, cell: Cell]> {
    return this.#owners.get(owner) ?? []
  }

  /** Returns whether there is room for the key. If there is none, stale cells are dropped first. */
  hasRoom(owner: string, key: string, isStale: (cell: Cell) => boolean, most = MOST_KEYS): boolean {
    const cells = this.#owners.get(owner)
    if (cells === undefined || cells.size < MOST_KEYS || cells.has(key)) return true
    for (let oldest = cells.oldest(); oldest && isStale(oldest[1]); oldest = cells.oldest()) cells.delete(oldest[0])
    return cells.size < most
  }

  /** Returns the key that must be dropped to make room for this one. */
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

/** What is remembered of the last call. `value` is null if it was none that a condition asks for. */
export interface Last {
  readonly value: string | null
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Denied calls since then that an observing gateway allowed: each may have been the last. */
  readonly denied: readonly DeniedSince[]
}

export interface DeniedSince {
  /** Null if it may have been any call. */
  readonly value: string | null
  /** Milliseconds since the epoch. */
  readonly at: number
}

export interface Flight {
  /** Milliseconds since the epoch; the call has ended then at the latest. */
  readonly until: number
  /** The gateway that allowed the call, and may settle it. */
  readonly gateway: string
  /** The calling task. */
  readonly task: string
}

/** Calls in flight, by decision. */
export type CallsInFlight = Map<string, Flight>

/** What a count shared by all ledgers has lent to this one. */
export interface Credit {
  /** The part that is not used yet. */
  readonly left: number
  /** The whole count, as it was reported, plus what this tree has used since. */
  readonly used: number
  /** Set if more was just requested and denied. */
  readonly refused: FullCount | null
  /** Set if what is left was granted beyond the limit, to a call that a person has approved. */
  readonly over: FullCount | null
  /** Set if it was just asked for room for so much and has it, without taking anything. Absent if it was not asked. */
  readonly room?: number
}

/** A shared count without room: what counts, and milliseconds until there is room. */
export interface FullCount {
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
  /** What shared limits have lent to the ledger: its trees use it together. */
  readonly credits: Cells<Credit>
  readonly flights = new Cells<CallsInFlight>()
  /** The number of calls that updated the memory; each call has the next number. */
  sequence = 0
  /** The calls that were made once, by owner, for guardrails on repeated calls. */
  readonly once = new Map<string, OnceLog>()
  /** Owners of trails that begin anew after a pause, and of which the last life may have lost some. */
  readonly lostTrails = new Set<string>()
  readonly #values = new Map<string, ValueCount>()
  readonly wokenAt: number

  /** @param wokenAt milliseconds, when it was loaded from storage; minus infinity if it began empty */
  constructor(wokenAt = Number.NEGATIVE_INFINITY, credits = new Cells<Credit>()) {
    this.wokenAt = wokenAt
    this.credits = credits
  }

  /** Returns the memory that a guardrail reads. The memory of a candidate bundle returns another one. */
  of(_guardrail: GuardrailDefinition): Memory {
    return this
  }

  onceOf(owner: string): OnceLog {
    let once = this.once.get(owner)
    if (!once) this.once.set(owner, (once = new OnceLog()))
    return once
  }

  /** Returns the values of a cell; empty if the cell does not exist. */
  marksOf(owner: string, key: string): Marks {
    return this.marks.find(owner, key) ?? new Marks(this.#valuesOf(owner))
  }

  #valuesOf(owner: string): ValueCount {
    let values = this.#values.get(owner)
    if (!values) this.#values.set(owner, (values = { many: 0, sweptAt: Number.NEGATIVE_INFINITY }))
    return values
  }

  /**
   * Returns whether so many new values of a cell can be stored.
   * @param before milliseconds; values that last occurred then or earlier no longer count
   * @param spanMs null if all values count for as long as the tree lives
   * @param most in all cells
   */
  hasRoomForValues(
    owner: string,
    key: string,
    many: number,
    before: number,
    spanMs: number | null,
    most = WHOLE_ROOM,
  ): boolean {
    const isEmpty = (marks: Marks): boolean => {
      marks.forget(before)
      return marks.size === 0
    }
    const values = this.#valuesOf(owner)
    if (values.many + many > MOST_VALUES && spanMs !== null && before >= values.sweptAt + spanMs / SWEEPS) {
      values.sweptAt = before
      for (const [, marks] of this.marks.of(owner)) marks.forget(before)
    }
    const hasRoom = many === 0 || values.many + many <= most.values
    return hasRoom && this.marks.hasRoom(owner, key, isEmpty, most.keys)
  }

  /** Returns the keys that must be dropped to make room for so many new values of this one: the least recently used. */
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
