/**
 * What one tree has been lent of a shared limit: blocks, used in their order, each given back in time; and how much more
 * than it needs the tree asks for. It asks for no more than it has just used in the time for which credit is lent: a
 * tree that calls seldom holds nothing that others could use. Pure: `now` is the ledger's time.
 */
import type { Settled } from "./lending.ts"

interface Block {
  readonly id: string
  readonly granted: number
  /** Milliseconds: since when it is held, and when it is given back. */
  readonly since: number
  readonly until: number
}

/** How much faster a tree may turn out to be with each block that is used up. */
const GROWTH = 2
/** A block is settled by a request of its own: it has to save more than that. In calls like the one at hand. */
const WORTH_IT = 2
/** Milliseconds: the call that a block was asked for has to come to use it. */
const LEAST_HELD_MS = 20

export class Borrowing {
  #blocks: Block[] = []
  /** What is asked for beyond what is needed, unless the tree asks too late for it … */
  #ahead = 0
  /** … which it does after this time, in milliseconds. */
  #aheadUntil = Number.NEGATIVE_INFINITY
  #askedAt = Number.NEGATIVE_INFINITY

  /** Those that are held. */
  get blocks(): readonly Pick<Block, "id" | "granted">[] {
    return this.#blocks
  }

  get isEmpty(): boolean {
    return this.#blocks.length === 0
  }

  /** Whether what it has learned of the tree is of no use any more. */
  isIdle(now: number): boolean {
    return this.isEmpty && !(now <= this.#aheadUntil)
  }

  /** Milliseconds: when a block has to be given back; null: none is held. */
  get dueAt(): number | null {
    return this.isEmpty ? null : Math.min(...this.#blocks.map(({ until }) => until))
  }

  /** Whether one has to be given back. After the clock has stepped back, nobody knows how long any was held. */
  isDue(now: number): boolean {
    return this.#blocks.some(({ since, until }) => now >= until || now < since)
  }

  /**
   * What to ask for.
   * @param amount of the call at hand
   * @param waiting of calls that wait for the answer
   */
  want(amount: number, waiting: number, now: number): number {
    if (now < this.#askedAt || now > this.#aheadUntil) this.#ahead = 0
    this.#askedAt = now
    if (waiting > 0) return amount + waiting
    return this.#ahead < amount * WORTH_IT ? amount : amount + this.#ahead
  }

  /**
   * What was granted to the call alone, and it has used at once.
   * @param lasts milliseconds for which credit would have been lent
   */
  exact(amount: number, lasts: number, now: number): void {
    this.#ahead += amount
    this.#aheadUntil = lasts > 0 ? now + lasts : Number.NEGATIVE_INFINITY
  }

  /** @returns when it is to be given back */
  add(id: string, granted: number, lasts: number, now: number): number {
    const until = now + Math.max(lasts, LEAST_HELD_MS)
    this.#blocks.push({ id, granted, since: now, until })
    this.#ahead = granted * GROWTH
    this.#aheadUntil = lasts > 0 ? until : Number.NEGATIVE_INFINITY
    return until
  }

  /**
   * Blocks that are used up, and are no more held.
   * @param left of all blocks
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

  /** All blocks, of which so much is left unused; none is held any more. */
  returnUnusedCredit(left: number): readonly Settled[] {
    const settled: Settled[] = []
    for (const { id, granted, since, until } of this.#blocks.toReversed()) {
      const unused = Math.min(left, granted)
      left -= unused
      settled.push({ id, used: granted - unused })
      // It was not used up in its time: what was used is what the tree can do in that time.
      this.#ahead = granted - unused
      this.#aheadUntil = until + (until - since)
    }
    this.#blocks = []
    return settled
  }
}
