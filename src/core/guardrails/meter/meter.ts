/**
 * What a limit's count is kept in: one kind of meter for each kind of span. A meter is asked before it counts, and
 * counts only what was admitted; asked at times that never run backwards, it forgets only what counts no more.
 */

/** What a call would add: an amount, or values of which only new ones count. */
export type Demand = number | readonly string[]

export interface Reading {
  /** Counted now, without the call. */
  readonly used: number
  /** What the call would add. */
  readonly asked: number
  /** Milliseconds until there is room for it: 0 where there is now, infinity where there never is. */
  readonly waits: number
}

/** With nothing counted; `waits` still says where even that would be too much. */
export function readingOf(used: number, asked: number, limit: number, waits: () => number): Reading {
  if (used + asked <= limit) return { used, asked, waits: 0 }
  return { used, asked, waits: asked > limit ? Number.POSITIVE_INFINITY : Math.max(1, waits()) }
}
