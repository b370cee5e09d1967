/** What an exporter says of itself. */

/** Records that the sink does not get, and why. */
export interface LostRange {
  readonly from: number
  /** Not among them. */
  readonly to: number
  /** How many in this range. */
  readonly count: number
  readonly why: string
  /** Milliseconds since the epoch. */
  readonly at: number
}

/** Times in milliseconds since the epoch. */
export interface ExporterState {
  readonly log: string
  /** The first position that the sink does not have. */
  readonly next: number
  /** Records that it lacks, and the age of the oldest of them in seconds. */
  readonly lag_records: number
  readonly lag_seconds: number
  readonly succeeded_at: number | null
  readonly last_failure: { readonly at: number; readonly says: string } | null
  /** Nothing is sent until then. */
  readonly waits_until: number | null
  readonly lost_records: number
  readonly lost: readonly LostRange[]
  /** Calls are denied because the log has no room. */
  readonly denies: boolean
}
