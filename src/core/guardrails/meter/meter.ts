/**
 * Meters hold the count of a limit; each kind of span has its own kind. A meter is read before it counts, and counts
 * only what was admitted. Its times never run backwards, so it forgets only what no longer counts.
 */

/** What a call would add: an amount, or values of which only new ones count. */
export type Demand = number | readonly string[]

export interface Reading {
  /** The current count, without the call. */
  readonly used: number
  /** What the call would add. */
  readonly asked: number
  /** Milliseconds until there is room for it. 0 if there is room now, infinity if there never is. */
  readonly waits: number
}

/** Compares the demand with the limit; a demand above the limit never fits, even if nothing is counted. */
export function readingOf(used: number, asked: number, limit: number, waits: () => number): Reading {
  if (used + asked <= limit) return { used, asked, waits: 0 }
  return { used, asked, waits: asked > limit ? Number.POSITIVE_INFINITY : Math.max(1, waits()) }
}
