/** The tool: what an agent calls. The catalog sets its action class and sensitivity, never the caller. */

export const ACTIONS = ["read", "write", "execute"] as const
export type Action = (typeof ACTIONS)[number]

/** Least to most sensitive; the position is the rank that `max_sensitivity` compares. */
export const SENSITIVITIES = ["public", "internal", "confidential", "restricted"] as const
export type Sensitivity = (typeof SENSITIVITIES)[number]

export interface Tool {
  /** Dotted, `server.tool`; unique in the catalog. */
  readonly name: string
  readonly server: string
  readonly action: Action
  readonly sensitivity: Sensitivity
  /** What a task tree has done once a call of this tool was allowed: `reads:confidential`, `sink:external`. */
  readonly labels: readonly string[]
  /** Cedar groups (`ToolGroup`) that the tool is a member of. */
  readonly groups: readonly string[]
  /** Cost units of one call. Lifecycle tools of MCP cost nothing and do not count against `calls`. */
  readonly cost: number
  /** Seconds that one call takes at most; absent if not known. */
  readonly duration?: number
  /** Arguments whose values never reach the decision record; only their hash does. */
  readonly redact: readonly string[]
  /**
   * Of an MCP tool: the hash of its definition when the operator added it to the catalog (pin.ts); absent if any
   * definition is accepted.
   */
  readonly pinned?: string
  /**
   * Tools of which it may return a result, by an id that does not say of which: it is allowed only to who may call each
   * of them, and while none is suspended. Absent if it returns no other's.
   */
  readonly resultsOf?: readonly string[]
}

export function sensitivityRank(sensitivity: Sensitivity): number {
  return SENSITIVITIES.indexOf(sensitivity)
}
