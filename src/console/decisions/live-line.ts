/** What the stream of decisions tells, and the page's script reads: the two are of different platforms, and share this. */

/** A decision in plain text. */
export interface Line {
  readonly id: string
  /** Milliseconds. */
  readonly at: number
  /** In UTC. */
  readonly time: string
  readonly decision: "allow" | "deny"
  readonly code: string
  readonly what: string
  readonly who: string
  readonly why: string
}

/** The data of an event `decisions`. */
export interface LiveUpdate {
  /** In the order of their ids. */
  readonly lines: readonly Line[]
  /** Those before them of which there were too many to tell. */
  readonly more: { readonly allowed: number; readonly denied: number }
  /** Whether there were others between what the page saw last and these. */
  readonly gap: boolean
}
