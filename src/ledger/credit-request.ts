/**
 * A call's request for credit from counts that all ledgers share, what it may be granted, and how long that is of use.
 */
import type { Need } from "../core/guardrails/kind.ts"
import type { SharedCount } from "./counts.ts"

export type Taken =
  | { readonly kind: "refused"; readonly used: number; readonly waits: number }
  /** Exactly what the call needs: it counts as used from the grant on, and no other call may use it. */
  | { readonly kind: "exact"; readonly id: string; readonly amount: number; readonly used: number; readonly at: number }
  /** There is room for what the call needs; nothing was taken. */
  | { readonly kind: "room"; readonly used: number }
  /** More than the call needs is available, or another call has requested credit for both. */
  | { readonly kind: "lent" }
  /** The object did not answer in time, or has just failed. */
  | { readonly kind: "unavailable" }

/** The requests of one call, in one round or several. */
export class CreditRequest {
  /** Number of the bundle that the call is decided by. */
  readonly seq: number
  /** Milliseconds since the epoch: later nothing is of use to the call. */
  readonly until: number
  /** Whether the call waits for what another call of its tree requests. */
  waits = true
  /** How much the call needs of which count. */
  readonly needs = new Map<SharedCount, number>()

  constructor(seq: number, until: number) {
    this.seq = seq
    this.until = until
  }
}

/** An object that has not answered by then counts as unavailable, so that the call can still be answered in time. */
export const TIMEOUT_MS = 2_000
/**
 * An exact grant counts from its grant. The call that it admits is admitted within this time after the request, in part
 * of the span and absolutely; a later grant is given back.
 */
const PART_OF_SPAN = 20
const USED_WITHIN_MS = 500

/** Milliseconds. */
export function usedWithin({ limit: { span }, values }: Need): number {
  const part = span.kind === "life" ? 0 : (span.seconds * 1000) / PART_OF_SPAN
  // Values are never lent in open blocks, so they are used for as long as their answer is awaited.
  return Math.min(part, values ? TIMEOUT_MS : USED_WITHIN_MS)
}
