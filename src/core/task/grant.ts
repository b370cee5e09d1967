/** Grants: what a task may do at most, fixed tool by tool when it is opened (`narrow.ts` makes one). */
import type { Scope } from "../catalog/pattern.ts"
import { sensitivityRank, type Action, type Sensitivity, type Tool } from "../catalog/tool.ts"
import type { ArgumentBounds } from "../catalog/bounds.ts"

export interface ToolGrant {
  /** Its action class when the grant was made; if the catalog gives it another later, the grant no longer covers it. */
  readonly action: Action
  /** If the catalog rates it higher later, the grant no longer covers it. */
  readonly maxSensitivity: Sensitivity
  /** Every one must hold. */
  readonly bounds: readonly ArgumentBounds[]
}

export interface Grant {
  /** By tool name. */
  readonly tools: Readonly<Record<string, ToolGrant>>
  /** Environments of gateways where it holds; null: all. */
  readonly environments: readonly string[] | null
  /** Calls that may be made in all; null: no limit. */
  readonly calls: number | null
}

/**
 * Tools that a request asks for together, and how far: one object of its `authorization_details`, or all its scopes.
 */
export interface AskedPart {
  readonly scopes: readonly Scope[]
  /** Null: as far as may be had. */
  readonly maxSensitivity: Sensitivity | null
  readonly bounds: ArgumentBounds
}

/** What a request asks for, beside its purpose. */
export interface RequestedGrant {
  /** Null: whatever the purpose gives by default. */
  readonly parts: readonly AskedPart[] | null
  /** They were `authorization_details`, and are answered by such (RFC 9396 7). */
  readonly inDetails: boolean
  readonly calls: number | null
}

export const ASKED_NOTHING: RequestedGrant = { parts: null, inDetails: false, calls: null }

/** What a person has left of what was asked of them: it only ever takes away. */
export interface GrantReduction {
  /** Names of tools, and `server.*` for all of a server; null: all. */
  readonly tools: readonly string[] | null
  /** Null: as many as there were. */
  readonly calls: number | null
  /** Milliseconds that the task may live; null: as long as it would have. */
  readonly life: number | null
}

/** RFC 9396 details of a grant: what a client is told, and its token tells; the ledger's frozen grant decides. */
export interface GrantedDetails {
  readonly type: "narrowgate_call"
  readonly tools: readonly string[]
  readonly actions: readonly Action[]
  readonly max_sensitivity: Sensitivity
  readonly arguments?: ArgumentBounds
  readonly calls?: number
}

/**
 * Whether the grant as frozen still covers the tool as it is in the catalog now; its arguments are another question.
 */
export function coversTool(grant: Grant, tool: Tool): boolean {
  const granted = Object.hasOwn(grant.tools, tool.name) ? grant.tools[tool.name] : undefined
  return granted?.action === tool.action && sensitivityRank(tool.sensitivity) <= sensitivityRank(granted.maxSensitivity)
}
