/**
 * How much credit a shared limit lends beyond the need of a call, and for how long: enough to save requests, and so
 * little that no other tree is denied for it.
 */
import type { LentLimit } from "./lending.ts"
import { lengthOf } from "./span.ts"

/** Limits below this lend no credit, because each unit that another tree holds would matter. */
export const EXACT_BELOW = 100
/** The most credit of one block: this fraction of the limit, and of what is left. */
const SHARE_OF_LIMIT = 100
const SHARE_OF_ROOM = 10
/**
 * The use of an open block counts from its settlement, later than it happened. So a span seems fuller than it is, by
 * what is used while blocks are open. That time is therefore at most so many hundredths of the span, and shrinks with
 * the square of the free share: at half of the limit it is a quarter. Near the limit, what some trees hold and do not
 * use is what others lack.
 */
const HUNDREDTHS_OF_SPAN = 12
/** Milliseconds, the longest time in any case: a ledger that is lost takes its credit with it. */
const LONGEST_MS = 2_000

type Lent = Pick<LentLimit, "span" | "limit">

/** @param room what is left once the call has what it needs */
export function creditOf(lent: Lent, room: number): number {
  const most = mostAtOnce(lent)
  return Math.max(0, Math.min(Math.floor(most / SHARE_OF_LIMIT), Math.floor(room / SHARE_OF_ROOM)))
}

/** Returns milliseconds. 0 if no credit is lent at present. */
export function lastsFor({ span, limit }: Lent, room: number): number {
  if (mostAtOnce({ span, limit }) < EXACT_BELOW || room <= 0) return 0
  const free = Math.min(1, room / limit)
  return Math.min(LONGEST_MS, Math.floor((lengthOf(span) * HUNDREDTHS_OF_SPAN * free * free) / 100))
}

function mostAtOnce({ span, limit }: Lent): number {
  return span.kind === "bucket" ? Math.min(span.burst, limit) : limit
}
