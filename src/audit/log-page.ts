/** What a log of records gives to those who read it in order, and what it says of itself. */

/** One record at its position. */
export interface LoggedRecord {
  /** 0 for the first record of the log; also its place in the Merkle tree. */
  readonly index: number
  /** Hash of its entry in the tree, in base64. */
  readonly leaf: string
  /** 18 random bytes in base64url, with which the person's fields are committed to. Null if those fields are erased. */
  readonly salt: string | null
  /** JSON of the record, as stored. */
  readonly body: string
}

export interface LogCheckpoint {
  /** Records that it covers. */
  readonly size: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The signed note (core/proof/checkpoint.ts). */
  readonly note: string
  /** Roots of the full subtrees of the tree that it is of, in base64, the largest first. */
  readonly frontier: readonly string[]
}

/** Positions from `from` up to, and without, `to`. */
export interface PositionRange {
  readonly from: number
  readonly to: number
}

export interface LogPage {
  readonly from: number
  /** Where the next page begins. */
  readonly next: number
  readonly records: readonly LoggedRecord[]
  /** Those with `from < size <= next`. */
  readonly checkpoints: readonly LogCheckpoint[]
  /** Records that the log dropped before this reader had them. */
  readonly lost: readonly PositionRange[]
  /** Records that have a position. */
  readonly end: number
}

/** Where a new sink begins: at what comes from now on, at the oldest record, or at a position. */
export type LogStart = number | "now" | "start"

export interface SinkState {
  readonly name: string
  /** The first position that the sink has not acknowledged. */
  readonly next: number
  /** Records that the log dropped before the sink had them. */
  readonly lost: number
}

export interface LogState {
  readonly end: number
  /** Records that wait for their position. */
  readonly unsealed: number
  /** The oldest position that the log still has; equal to `end` if it has none. */
  readonly oldest: number
  /** Characters of the records that it has. */
  readonly bytes: number
  /** Milliseconds since the epoch, when the newest record got its position. Null if there is none. */
  readonly newestAt: number | null
  readonly sinks: readonly SinkState[]
}

/** A record with the proof that a checkpoint covers it. */
export interface ProvenRecord extends Omit<LoggedRecord, "leaf"> {
  /** Hashes in base64, from the entry's sibling up to the root's child. */
  readonly path: readonly string[]
  /** The signed checkpoint. */
  readonly note: string
}

export interface LogReach {
  /** Records that the checkpoint covers. */
  readonly size: number
  /** The signed checkpoint. Null if there is none. */
  readonly note: string | null
  /** Milliseconds since the epoch: what was stored by then is covered. */
  readonly until: number
}
