/**
 * Counters are durable in blocks. Credit is written before it is used, so that a crash or an eviction can only have
 * counted too much. A write on each call would cost two thirds of the throughput of a loop. A call that comes alone has
 * a row written anyway, and reserves nothing beyond what it uses, unless that lets the next one be answered
 * before its row (`reserveFor`).
 */

import type { CountUpdate } from "../guardrails/memory-update.ts"

/** Under this limit each admission is written, because the loss of a block would be noticeable. */
const EXACT_BELOW = 100
/** The longest block; it bounds what a crash can cost a counter without a limit. */
const LONGEST = 256
/** Of a limit with a longer span, nothing is reserved for a later call, because a waking would cost too much of it. */
const RESERVED_UP_TO_SECONDS = 600
/** A block is at most this part of what was used in the last second. */
const PART = 2

/** About how much was used in the last second. */
export class Pace {
  #used = 0
  #at = Number.NEGATIVE_INFINITY

  use(amount: number, now: number): void {
    this.#used = this.usedBy(now) + amount
    this.#at = now
  }

  usedBy(now: number): number {
    const passed = now - this.#at
    return passed >= 0 && passed < 1000 ? this.#used * (1 - passed / 1000) : 0
  }

  /** Whether calls come so slowly that each of them is written. */
  isSlow(now: number): boolean {
    return this.usedBy(now) + 1 < 2 * PART
  }
}

/**
 * How much credit to write at once.
 * @param most the longest block that the counter may have
 */
export function blockSize(most: number, pace: Pace, now: number): number {
  return Math.min(most, Math.max(1, Math.floor(pace.usedBy(now) / PART)))
}

/**
 * The most that a crash can cost the counter.
 * @param limit null: it has none, but rules may read it
 * @param used the counter's current value
 */
export function longestBlock(limit: number | null, used: number): number {
  if (limit === null) return Math.min(LONGEST, Math.max(1, Math.floor(used / 10)))
  return limit < EXACT_BELOW ? 1 : Math.floor(limit / EXACT_BELOW)
}

/**
 * How much more a lone call writes than it uses: the next one uses that, and its answer need not wait for a row. Never
 * more than a hundredth of the limit, which is what each waking costs it. 0: its answer waits.
 */
export function reserveFor({ amount, limit, span, isWindow = false }: CountUpdate): number {
  if (!isWindow || span.kind === "life") return 0
  const most = span.kind === "bucket" ? Math.min(limit, span.burst) : limit
  const seconds = span.kind === "bucket" ? span.seconds * Math.max(1, span.burst / limit) : span.seconds
  if (most < EXACT_BELOW || seconds > RESERVED_UP_TO_SECONDS) return 0
  return amount <= longestBlock(most, 0) ? amount : 0
}
