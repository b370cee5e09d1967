/** The events of the live stream. The Worker writes them and the page's script reads them, so both import these types. */

/** A decision in plain text. */
export interface LiveLine {
  readonly id: string
  /** Milliseconds. */
  readonly at: number
  /** Time of day in UTC. */
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
  readonly lines: readonly LiveLine[]
  /** The numbers of earlier decisions that exceed the lines of one event. */
  readonly more: { readonly allowed: number; readonly denied: number }
  /** Whether decisions are missing between the last event and this one. */
  readonly gap: boolean
}
