/** What can be wrong with an export. */

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

export interface Finding {
  readonly flaw: Flaw
  readonly file: string
  /** From 1. */
  readonly line: number
  /** Which record or checkpoint, and what about it. */
  readonly what: string
}

export type Report = (flaw: Flaw, file: string, line: number, what: string) => void
