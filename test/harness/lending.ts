/**
 * A shared limit from outside, and what the promise of it is held against: which uses there were, and when they may
 * have been. A use of a block may have been at any moment between its grant and the arrival of its settlement.
 */
import { Lender } from "../../src/core/guardrails/lending/lender.ts"
import { type LentLimit, type Take, type TakeAnswer } from "../../src/core/guardrails/lending/lending.ts"
import type { Block, SeenValue, Slot, State, Stored, Writes } from "../../src/core/guardrails/lending/rows.ts"

export const SECOND = 1000
export const START = 1_700_000_000_000

export interface Use {
  readonly at: number
  readonly count: number
}

/** What storage has. */
export class Store {
  #state: State | null = null
  readonly blocks = new Map<string, Block>()
  readonly slots = new Map<number, Slot>()
  readonly values = new Map<string, SeenValue>()

  save({ state, blocks, slots, values }: Writes): void {
    this.#state = state ?? this.#state
    apply(this.blocks, blocks)
    apply(this.slots, slots)
    apply(this.values, values)
  }

  /** As it comes back, in no order. */
  load(): Stored | null {
    if (!this.#state) return null
    const rows = <Row>(of: ReadonlyMap<unknown, Row>): Row[] => [...of.values()].toReversed()
    const [blocks, slots, values] = [rows(this.blocks), rows(this.slots), rows(this.values)]
    return structuredClone({ state: this.#state, blocks, slots, values })
  }

  get rows(): number {
    return this.blocks.size + this.slots.size + this.values.size
  }
}

function apply<Key, Row>(rows: Map<Key, Row>, changes: ReadonlyMap<Key, Row | null>): void {
  for (const [key, row] of changes) {
    if (row === null) rows.delete(key)
    else rows.set(key, row)
  }
}

/** A block as its ledger knows it. */
interface Held {
  readonly take: Take
  readonly granted: number
  readonly since: number
  /** Of each use how far it was between grant and settlement, 0 to 1. */
  readonly uses: { readonly count: number; readonly moment: number }[]
}

/** Ledgers that do with a shared limit whatever can be done, and what they have used. */
export class World {
  readonly store = new Store()
  readonly limit: LentLimit
  lender = new Lender(null)
  /** By the platform's clock, which may be set back; true time is `#time`. */
  now = START
  #time = START
  /** By how much the clock is. */
  #ahead = 0
  /** In the end. */
  readonly uses: Use[] = []
  readonly takes: Take[] = []
  readonly held = new Map<string, Held>()
  readonly settlements: { readonly holder: string; readonly id: string; readonly used: number }[] = []
  granted = 0
  denied = 0

  constructor(limit: LentLimit) {
    this.limit = limit
  }

  pass(by: number): void {
    this.now += by
    this.#time += by
  }

  /** The same, and the count sees the clock. */
  wait(by: number): void {
    this.pass(by)
    this.#clock()
  }

  /**
   * No time passes, unless by a leap ahead of every earlier time, which no count can distinguish from a pause.
   * @param off milliseconds by which the clock is ahead of true time from now on
   */
  step(off: number): void {
    // The count sees the clock before the step, and after it.
    this.#clock()
    this.now += off - this.#ahead
    this.#time += Math.max(0, off)
    this.#ahead = off
    this.#clock()
  }

  take(holder: string, amount: number, want: number, isLost: boolean, moment: number): TakeAnswer {
    const take = { id: `take-${this.takes.length}`, holder, limit: this.limit, amount, want, settled: [] }
    this.takes.push(take)
    return this.ask(take, isLost, moment)
  }

  /** @param isLost the answer: its block is used only if the take is repeated */
  ask(take: Take, isLost: boolean, moment: number): TakeAnswer {
    const answer = this.lender.take(take, this.now)
    this.#keep()
    if (answer.granted === null) this.denied += 1
    if (answer.granted === null || answer.granted === 0) return answer
    this.granted += 1
    // One that settled it has no use for what comes late.
    const { granted, since } = answer
    const isSettled = this.settlements.some(({ id }) => id === take.id)
    if (!isLost && !isSettled && !this.held.has(take.id)) {
      // What a closed block was granted for was used as it was granted.
      const first = { count: take.amount, moment: granted === take.amount ? 0 : moment }
      this.held.set(take.id, { take, granted, since: this.#time - (this.now - since), uses: [first] })
    }
    return answer
  }

  /** Some of the credit that is left of a block. */
  use(id: string, count: number, moment: number): void {
    const held = this.held.get(id)
    if (!held) return
    const left = held.granted - usedOf(held)
    if (left > 0) held.uses.push({ count: Math.min(left, count), moment })
  }

  /** @param isLost the settlement: what was used was used, and nothing more will be */
  settle(id: string, undo: boolean, isLost: boolean): void {
    const held = this.held.get(id)
    if (!held) return
    const used = undo ? 0 : usedOf(held)
    const settlement = { holder: held.take.holder, id, used }
    this.held.delete(id)
    if (isLost) {
      // It may still be used until it is asked about, or said again.
      this.#count(held, undo, this.#clock())
      this.settlements.push(settlement)
      return
    }
    this.settlements.push(settlement)
    this.arrive(settlement)
    this.#count(held, undo, this.#clock())
  }

  arrive({ holder, id, used }: World["settlements"][number]): void {
    this.lender.settle(holder, [{ id, used }], this.now)
    this.#keep()
  }

  /** As the object's alarm does. */
  tidy(): void {
    this.lender.untilCheck(this.now)
    this.store.save(this.lender.drain(true))
  }

  /** Memory is lost; what was written comes back. */
  reload(): void {
    this.lender = new Lender(this.store.load())
  }

  end(): void {
    for (const held of this.held.values()) this.#count(held, false, this.#clock())
    this.held.clear()
  }

  #keep(): void {
    this.store.save(this.lender.drain())
  }

  /** It reads the clock, and true time is returned. */
  #clock(): number {
    this.lender.take({ id: "clock", holder: "nobody", limit: this.limit, amount: 0, want: 0, settled: [] }, this.now)
    this.#keep()
    return this.#time
  }

  #count({ since, granted, take, uses }: Held, undo: boolean, settledAt: number): void {
    if (undo) return
    const isClosed = granted === take.amount
    for (const { count, moment } of uses) {
      this.uses.push({ at: isClosed ? since : since + Math.floor((settledAt - since) * moment), count })
    }
  }
}

function usedOf({ uses }: Held): number {
  return uses.reduce((sum, { count }) => sum + count, 0)
}

/** The most that any span of so many milliseconds holds; what is exactly that far apart does not share one. */
export function busiest(uses: readonly Use[], span: number): number {
  const sorted = uses.toSorted((a, b) => a.at - b.at)
  let [most, sum, from] = [0, 0, 0]
  for (const use of sorted) {
    sum += use.count
    for (let first = sorted[from]; first && first.at <= use.at - span; first = sorted[++from]) sum -= first.count
    most = Math.max(most, sum)
  }
  return most
}

/** The most that any period holds. */
export function busiestPeriod(uses: readonly Use[], span: number): number {
  const sums = new Map<number, number>()
  for (const { at, count } of uses) sums.set(Math.floor(at / span), (sums.get(Math.floor(at / span)) ?? 0) + count)
  return Math.max(0, ...sums.values())
}

/** By how much the uses between any two moments exceed what a bucket can have given, in tokens times milliseconds. */
export function overflow(uses: readonly Use[], limit: number, burst: number, span: number): bigint {
  const sorted = uses.toSorted((a, b) => a.at - b.at)
  let worst = -BigInt(burst) * BigInt(span)
  for (const [index, first] of sorted.entries()) {
    let sum = 0n
    for (const { at, count } of sorted.slice(index)) {
      sum += BigInt(count) * BigInt(span)
      const over = sum - BigInt(burst) * BigInt(span) - BigInt(limit) * BigInt(at - first.at)
      if (over > worst) worst = over
    }
  }
  return worst
}
