/**
 * The tool: what an agent calls. Its action class and sensitivity are the catalog's word, never the caller's.
 */

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
  /** What a tree has done once this tool was admitted: `reads:confidential`, `sink:external`. */
  readonly labels: readonly string[]
  /** Cedar groups (`ToolGroup`) that it is a member of. */
  readonly groups: readonly string[]
  /** Cost units of one call. Lifecycle tools of MCP cost nothing and do not count against `calls`. */
  readonly cost: number
  /** Seconds that one call of it takes at most; absent: not known. */
  readonly duration?: number
  /** Arguments whose values never reach the decision record; only their hash does. */
  readonly redact: readonly string[]
  /** Of an MCP tool: what it was when somebody let it into the catalog (pin.ts); absent: whatever its server says. */
  readonly pinned?: string
}

export function sensitivityRank(sensitivity: Sensitivity): number {
  return SENSITIVITIES.indexOf(sensitivity)
}
