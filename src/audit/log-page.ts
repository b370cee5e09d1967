/** What a reader of a record log gets: its records in their order, by their index. */
export interface LogPage {
  /** Index of the first record that was requested, and of the one after the last that is here. */
  readonly from: number
  readonly next: number
  readonly records: readonly SealedRecord[]
  /** Those with `from` < size <= `next`. */
  readonly checkpoints: readonly LoggedCheckpoint[]
  /** Ranges that were dropped before this reader had them; `to` is not in them. */
  readonly lost: readonly IndexRange[]
  /** Sealed records in the log. */
  readonly end: number
}

export interface SealedRecord {
  readonly index: number
  /** In base64url. */
  readonly salt: string
  /** JSON of the record, as it is stored. */
  readonly body: string
}

export interface LoggedCheckpoint {
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The signed note. */
  readonly note: string
}

export interface IndexRange {
  readonly from: number
  readonly to: number
}
