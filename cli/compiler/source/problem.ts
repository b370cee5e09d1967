/** What is wrong in `policies/`, where, and what fixes it: every check of the CLI reports in this shape. */
import type { Position } from "./position.ts"

export interface Problem {
  /** Path as it was given, relative to the policy directory. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number
  /** Where what is meant ends, the first place behind it; absent: it is told by its beginning alone. */
  readonly end?: Position
  /** An error keeps it from being a bundle; a warning tells of a likely slip, a note of what could be less. */
  readonly severity: "error" | "warning" | "note"
  /** Of a warning or a note: what it is called in docs/guides/linting.md, and silenced by. */
  readonly lint?: string
  readonly message: string
  /** One imperative sentence: what to write instead. */
  readonly fix: string
}

/** The official engine tells what it finds at one place in no order: by their words it is the same each time. */
export function byPlace(a: Problem, b: Problem): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column || (a.message < b.message ? -1 : a.message > b.message ? 1 : 0)
}

/** A problem in the output of `--json`, whose members keep their names until the next major version. */
export function problemAsJson({ fix, ...problem }: Problem): Omit<Problem, "fix"> & { readonly mend: string } {
  return { ...problem, mend: fix }
}
