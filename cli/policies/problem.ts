/** What is wrong in `policies/`, where, and what mends it: every check of the CLI reports in this shape. */
export interface Problem {
  /** Path as it was given, relative to the policy directory. */
  readonly file: string
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number
  readonly severity: "error" | "warning"
  readonly message: string
  /** One imperative sentence: what to write instead. */
  readonly mend: string
}
