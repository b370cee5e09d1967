/**
 * How much credit a shared limit lends beyond what a call needs, and for how long: as much as saves requests, and so
 * little that nobody else is denied for it.
 */
import type { LentLimit } from "./lending.ts"
import { lengthOf } from "./span.ts"

/** Under this limit no credit is lent: a unit that somebody else holds would be felt. */
export const EXACT_BELOW = 100
/** Credit in one block at most: this share of the limit, and that of what is left. */
const SHARE_OF_LIMIT = 100
const SHARE_OF_ROOM = 10
/**
 * What is used of an open block counts from its settlement, later than it was used. So a span seems fuller than it is,
 * by what is used in the time for which blocks are open. That time is therefore at most so many hundredths of the span,
 * and shorter with the square of the share that is free: at half the limit a quarter of it. Near the limit, what some
 * hold and do not use is what others miss.
 */
const HUNDREDTHS_OF_SPAN = 12
/** Nor is it ever longer than this: a ledger that is lost takes with it what it holds. */
const LONGEST_MS = 2_000

type Lent = Pick<LentLimit, "span" | "limit">

/** @param room what is left once the call has what it needs */
export function creditOf(lent: Lent, room: number): number {
  const most = mostAtOnce(lent)
  return Math.max(0, Math.min(Math.floor(most / SHARE_OF_LIMIT), Math.floor(room / SHARE_OF_ROOM)))
}

/** Milliseconds; 0: no credit is lent now. */
export function lastsFor({ span, limit }: Lent, room: number): number {
  if (mostAtOnce({ span, limit }) < EXACT_BELOW || room <= 0) return 0
  const free = Math.min(1, room / limit)
  return Math.min(LONGEST_MS, Math.floor((lengthOf(span) * HUNDREDTHS_OF_SPAN * free * free) / 100))
}

function mostAtOnce({ span, limit }: Lent): number {
  return span.kind === "bucket" ? Math.min(span.burst, limit) : limit
}
