/** placeholder, replaced below */
export interface WindowDefinition {
  readonly id: string
  /** Tool patterns that it limits. */
  readonly tools: readonly string[]
  /** Who shares one count, inside the tree. */
  readonly per: "task" | "tree"
  /** At most `limit` admissions … */
  readonly limit: number
  /** … in any span of this many seconds. */
  readonly seconds: number
}
