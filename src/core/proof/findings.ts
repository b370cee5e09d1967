/** What a check of exported records finds. */
import type { Hash } from "./merkle.ts"

export type Flaw =
  | "malformed"
  | "changed"
  | "removed"
  | "reordered"
  | "doubled"
  | "appended"
  | "cut"
  | "mixed"
  | "foreign"
  | "unsigned"
  | "contradicting"
  | "rewritten"
  | "missing"
  | "unstated"
  | "unpinned"

export interface Finding {
  readonly flaw: Flaw
  readonly file: string
  /** From 1. */
  readonly line: number
  /** Which record or checkpoint, and what about it. */
  readonly what: string
}

export type Report = (flaw: Flaw, file: string, line: number, what: string) => void

export interface CheckedLog {
  readonly log: string
  /** The first position that the files have. */
  readonly from: number
  /** The first position behind the last one that they have. */
  readonly next: number
  readonly checkpoint: NewestCheckpoint | null
  /** Milliseconds since the epoch: what the log had stored by then is in the files, as signed. Null: nothing says so. */
  readonly until: number | null
}

/** The signed checkpoint that covers the most records of a log. */
export interface NewestCheckpoint {
  readonly size: number
  readonly root: Hash
  /** Milliseconds since the epoch, by the file, for no signature covers it. Null if it does not say. */
  readonly at: number | null
}

export interface Unproven {
  readonly log: string
  readonly from: number
  /** Not among them. */
  readonly to: number
  readonly why: string
}
