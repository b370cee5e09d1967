/** A call that asks for what it needs of counts that all trees share, what it may be told, and how long that is of use. */
import type { Need } from "../core/guardrails/kind.ts"
import type { SharedCount } from "./counts.ts"

export type Taken =
  | { readonly kind: "refused"; readonly used: number; readonly waits: number }
  /** Just what the call needs: it counts as used since it was granted, and no other call may use it. */
  | { readonly kind: "exact"; readonly id: string; readonly amount: number; readonly used: number; readonly at: number }
  /** It has room for what the call needs; nothing was taken. */
  | { readonly kind: "room"; readonly used: number }
  /** More than the call needs is in hand, or another call has asked for both. */
  | { readonly kind: "lent" }
  /** It did not answer in time, or has failed just now. */
  | { readonly kind: "unavailable" }

/** A call that asks, once or several times. */
export class CreditRequest {
  /** Number of the bundle that it is decided by. */
  readonly seq: number
  /** Milliseconds: nothing is of use to it after that. */
  readonly until: number
  /** Whether it waits for what another call of its tree is asking for. */
  waits = true
  /** How much it needs of which. */
  readonly needs = new Map<SharedCount, number>()

  constructor(seq: number, until: number) {
    this.seq = seq
    this.until = until
  }
}

/** An object that has not answered by then is out of reach; the call can still be answered in time. */
export const TIMEOUT_MS = 2_000
/**
 * An exact grant counts from its grant. A call that is admitted by it is admitted so soon after it was asked for, as a
 * part of the span and in any case; later it is given back.
 */
const PART_OF_SPAN = 20
const USED_WITHIN_MS = 500

/** Milliseconds. */
export function usedWithin({ limit: { span }, values }: Need): number {
  const part = span.kind === "life" ? 0 : (span.seconds * 1000) / PART_OF_SPAN
  // There is no open block of values: they are used as long as their answer is waited for.
  return Math.min(part, values ? TIMEOUT_MS : USED_WITHIN_MS)
}
