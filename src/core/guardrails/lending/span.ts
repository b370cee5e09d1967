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
 */
export function cutoffOf({ limit, span }: LentLimit, now: number): number {
  if (span.kind === "sliding") return now - lengthOf(span)
  if (span.kind === "fixed") return periodOf(span, now) * lengthOf(span) - 1
  // A bucket's level contains the use of its blocks (`Bucket`), so they are kept until it could have refilled.
  const refilledIn = limit === 0 ? Number.POSITIVE_INFINITY : Math.ceil((span.burst / limit) * lengthOf(span))
  return now - Math.max(refilledIn, UNDONE_WITHIN_MS)
}

/** Returns when a use of that time stops counting. */
export function leavesAt(span: LentSpan, at: number): number {
  return span.kind === "fixed" ? (periodOf(span, at) + 1) * lengthOf(span) : at + lengthOf(span)
}

export function shareSlot(span: LentSpan, from: number, at: number): boolean {
  const width = span.kind === "fixed" ? lengthOf(span) : Math.ceil(lengthOf(span) / SLOTS)
  return Math.floor(from / width) === Math.floor(at / width)
}

function periodOf(span: LentSpan, at: number): number {
  return Math.floor(at / lengthOf(span))
}
