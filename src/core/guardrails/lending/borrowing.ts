/**
 * The blocks of a shared limit that one tree has been lent, used in their order and each returned in time, and how much
 * credit beyond its need the tree requests. It requests no more than it has just used in the time for which credit is
 * lent: a tree with few calls holds nothing that others could use. Pure: `now` is the ledger's time.
 */
import type { Settled } from "./lending.ts"

interface Block {
  readonly id: string
  readonly granted: number
  /** Milliseconds since the epoch, when the tree got the block and when it must return it. */
  readonly since: number
  readonly until: number
}

/** By how much the requested credit grows with each block that is used up. */
const GROWTH = 2
/** A block is settled by a request of its own, so it must save more than that. In calls like the present one. */
const WORTH_IT = 2
/** Milliseconds: the call for which a block was requested needs some time to use it. */
const LEAST_HELD_MS = 20

export class Borrowing {
  #blocks: Block[] = []
  /** The credit that is requested beyond the need, unless the request comes later than `#aheadUntil`. */
  #ahead = 0
  /** Milliseconds since the epoch. */
  #aheadUntil = Number.NEGATIVE_INFINITY
  #requestedAt = Number.NEGATIVE_INFINITY

  /** The blocks that the tree holds. */
  get blocks(): readonly Pick<Block, "id" | "granted">[] {
    return this.#blocks
  }

  get isEmpty(): boolean {
    return this.#blocks.length === 0
  }

  /** Returns whether what was learned of the tree's use is outdated. */
  isIdle(now: number): boolean {
    return this.isEmpty && !(now <= this.#aheadUntil)
  }

  /** Milliseconds since the epoch, when a block must be returned. Null if the tree holds none. */
  get dueAt(): number | null {
    return this.isEmpty ? null : Math.min(...this.#blocks.map(({ until }) => until))
  }

  /**
   * Returns whether a block must be returned. If the clock was set back, it is unknown how long any was held, so all
   * are due.
   */
  isDue(now: number): boolean {
    return this.#blocks.some(({ since, until }) => now >= until || now < since)
  }

  /**
   * Returns how much to request.
   * @param amount that the present call needs
   * @param waiting amount that calls waiting for the answer need
   */
  want(amount: number, waiting: number, now: number): number {
    if (now < this.#requestedAt || now > this.#aheadUntil) this.#ahead = 0
    this.#requestedAt = now
    if (waiting > 0) return amount + waiting
    return this.#ahead < amount * WORTH_IT ? amount : amount + this.#ahead
  }

  /**
   * Records a grant to one call alone, which has used it at once.
   * @param lasts milliseconds for which credit would have been lent
   */
  exact(amount: number, lasts: number, now: number): void {
    this.#ahead += amount
    this.#aheadUntil = lasts > 0 ? now + lasts : Number.NEGATIVE_INFINITY
  }

  /** @returns when the block must be returned, in milliseconds since the epoch */
  add(id: string, granted: number, lasts: number, now: number): number {
    const until = now + Math.max(lasts, LEAST_HELD_MS)
    this.#blocks.push({ id, granted, since: now, until })
    this.#ahead = granted * GROWTH
    this.#aheadUntil = lasts > 0 ? until : Number.NEGATIVE_INFINITY
    return until
  }

  /**
   * Removes the blocks that are used up, and returns their settlements.
   * @param left unused credit of all blocks
   */
  usedUp(left: number): readonly Settled[] {
    const settled: Settled[] = []
    let behind = this.#blocks.reduce((sum, { granted }) => sum + granted, 0)
    for (let [first] = this.#blocks; first && behind - first.granted >= left; [first] = this.#blocks) {
      behind -= first.granted
      this.#blocks.shift()
      settled.push({ id: first.id, used: first.granted })
    }
    return settled
  }

  /**
   * Returns the settlements of all blocks, and removes them.
   * @param left unused credit of all blocks
   */
  returnUnusedCredit(left: number): readonly Settled[] {
    const settled: Settled[] = []
    for (const { id, granted, since, until } of this.#blocks.toReversed()) {
      const unused = Math.min(left, granted)
      left -= unused
      settled.push({ id, used: granted - unused })
      // It was not used up in its time, so what was used is what the tree needs in that time.
      this.#ahead = granted - unused
      this.#aheadUntil = until + (until - since)
    }
    this.#blocks = []
    return settled
  }
}
