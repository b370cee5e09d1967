/** What is wrong in `policies/`, where, and what fixes it: every check of the CLI reports in this shape. */
import type { Position } from "./position.ts"

export interface Problem {
  /** Path as it was given, relative to the policy directory. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number
  /** The first place after the text that is meant; absent if only its beginning is known. */
  readonly end?: Position
  /** An error prevents a bundle; a warning reports a likely slip, a note what could be reduced. */
  readonly severity: "error" | "warning" | "note"
  /** Of a warning or a note: its name in docs/guides/linting.md and in the comment that silences it. */
  readonly lint?: string
  readonly message: string
  /** One imperative sentence: what to write instead. */
  readonly fix: string
}

/** The official engine reports problems at one place in no order; sorted by message they are the same each time. */
export function byPlace(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column || (a.message < b.message ? -1 : a.message > b.message ? 1 : 0)
}

/** A problem in the output of `--json`, whose members keep their names until the next major version. */
export function problemAsJson({ fix, ...problem }: Problem): Omit<Problem, "fix"> & { readonly mend: string } {
  return { ...problem, mend: fix }
}
