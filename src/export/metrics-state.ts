/** How it goes with the metrics of a sink. Times in milliseconds since the epoch. */
export interface MetricsState {
  /** Since when the sink takes metrics. */
  readonly since: number
  readonly succeeded_at: number | null
  readonly last_failure: { readonly at: number; readonly says: string } | null
}
