/** What the span of a shared limit says of times. All in milliseconds. */
import type { LentLimit, LentSpan } from "./lending.ts"

/** Closed blocks of a span that are told apart at least; more are merged, so many in a slot of their own. */
const SLOTS = 1_000

export function lengthOf({ seconds }: LentSpan): number {
  return seconds * 1000
}

/** For so long a grant can be undone: a ledger says at once that it cannot use it, or where that fails, a little later. */
export const UNDONE_WITHIN_MS = 60_000

/** What was closed by then counts no more. Two that are exactly a sliding span apart do not share one. */
export function cutoffOf({ limit, span }: LentLimit, now: number): number {
  if (span.kind === "sliding") return now - lengthOf(span)
  if (span.kind === "fixed") return periodOf(span, now) * lengthOf(span) - 1
  // What a bucket holds tells of it (`Bucket`).
  const refilledIn = limit === 0 ? Number.POSITIVE_INFINITY : Math.ceil((span.burst / limit) * lengthOf(span))
  return now - Math.max(refilledIn, UNDONE_WITHIN_MS)
}

/** When what was closed at that time stops counting. */
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
