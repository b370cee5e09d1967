/**
 * A window that all ledgers share, by the count and the borrowing of the Worker itself: how many requests its object
 * gets, and how many calls are denied. Credit makes any formula wrong, so it is simulated.
 */
import { underLoad } from "../../test/harness/shared-load.ts"
import type { SharedWindow } from "./scenario.ts"

/** Calls and ledgers of a simulation: more take long, and give the same figures. */
const CALLS = 4_000
const MOST_LEDGERS = 200
const LEAST_LIMIT = 100

export interface WindowResult {
  /** To the object, for each call. */
  readonly requests: number
  /** The part of the calls that is denied. */
  readonly denied: number
}

/** @param perSecond calls that it counts @param ledgers from which they come */
export function simulateWindow(window: SharedWindow, perSecond: number, ledgers: number, seed: number): WindowResult {
  const { limit, seconds } = window
  const share = (perSecond * seconds) / limit
  if (share <= 0) return { requests: 0, denied: 0 }
  // Of many ledgers a part is simulated, with the same part of the limit.
  const part = Math.min(1, MOST_LEDGERS / ledgers)
  const scaled = Math.max(Math.min(LEAST_LIMIT, limit), Math.round(limit * part))
  // More ledgers than calls change nothing.
  const trees = Math.max(1, Math.min(10 * CALLS, Math.round((ledgers * scaled) / limit)))
  const lent = { measure: { kind: "calls" }, limit: scaled, span: { kind: "sliding", seconds }, seq: 1 } as const
  const lasts = (CALLS / (scaled * share)) * seconds * 1000
  const { requests, denied, calls } = underLoad({ limit: lent, trees, share, burst: 1, lasts, seed })
  return { requests: requests / calls, denied: denied / calls }
}
