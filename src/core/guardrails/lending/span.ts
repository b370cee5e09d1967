/** Times that follow from the span of a shared limit. All are in milliseconds. */
import type { LentLimit, LentSpan } from "./lending.ts"

/** A span has this many slots, into which closed blocks are merged beyond those that are kept individually. */
const SLOTS = 1_000

export function lengthOf({ seconds }: LentSpan): number {
  return seconds * 1000
}

/** How long a grant can be undone: a ledger reports at once that it cannot use it, or a little later if that fails. */
export const UNDONE_WITHIN_MS = 60_000

/**
 * Returns the latest closing time that no longer counts. Two uses exactly a sliding span apart do not count in the same
 * one.
 * @param setBackBy milliseconds by which the clock was set back: until it has come forward again, a fixed span begins and
 *   ends by the clock as it was before
 */
export function cutoffOf({ limit, span }: LentLimit, now: number, setBackBy: number): number {
  if (span.kind === "sliding") return now - lengthOf(span)
  if (span.kind === "fixed") return periodOf(span, now + setBackBy) * lengthOf(span) - 1 - setBackBy
  // A bucket's level contains the use of its blocks (`Bucket`), so they are kept until it could have refilled.
  const refilledIn = limit === 0 ? Number.POSITIVE_INFINITY : Math.ceil((span.burst / limit) * lengthOf(span))
  return now - Math.max(refilledIn, UNDONE_WITHIN_MS)
}

/**
 * Returns when a use of that time stops counting.
 * @param setBackBy as of `cutoffOf`
 */
export function leavesAt(span: LentSpan, at: number, setBackBy: number): number {
  const isFixed = span.kind === "fixed"
  return isFixed ? (periodOf(span, at + setBackBy) + 1) * lengthOf(span) - setBackBy : at + lengthOf(span)
}

export function shareSlot(span: LentSpan, from: number, at: number): boolean {
  const width = span.kind === "fixed" ? lengthOf(span) : Math.ceil(lengthOf(span) / SLOTS)
  return Math.floor(from / width) === Math.floor(at / width)
}

function periodOf(span: LentSpan, at: number): number {
  return Math.floor(at / lengthOf(span))
}
