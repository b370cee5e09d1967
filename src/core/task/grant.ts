/** Grants: what a task may do at most, fixed tool by tool when it is opened (`narrow.ts` makes one). */
import type { Scope } from "../catalog/pattern.ts"
import { sensitivityRank, type Action, type Sensitivity, type Tool } from "../catalog/tool.ts"
import type { ArgumentBounds } from "../catalog/bounds/definition.ts"

export interface ToolGrant {
  /** Its action class when the grant was made; if the catalog changes it later, the grant no longer covers the tool. */
  readonly action: Action
  /** If the catalog rates the tool higher later, the grant no longer covers it. */
  readonly maxSensitivity: Sensitivity
  /** All of them apply. */
  readonly bounds: readonly ArgumentBounds[]
}

export interface Grant {
  /** By tool name. */
  readonly tools: Readonly<Record<string, ToolGrant>>
  /** Environments of gateways in which it applies. Null: all. */
  readonly environments: readonly string[] | null
  /** Calls in total. Null if unlimited. */
  readonly calls: number | null
}

/**
 * Tools that a request names together, and their limits: one object of its `authorization_details`, or all its scopes.
 */
export interface RequestedPart {
  readonly scopes: readonly Scope[]
  /** Null if the request does not limit it. */
  readonly maxSensitivity: Sensitivity | null
  readonly bounds: ArgumentBounds
}

/** What a request asks for, apart from its purpose. */
export interface RequestedGrant {
  /** Null: the default of the purpose. */
  readonly parts: readonly RequestedPart[] | null
  /** The request used `authorization_details`, so the response uses them, too (RFC 9396, section 7). */
  readonly inDetails: boolean
  readonly calls: number | null
}

export const NOTHING_REQUESTED: RequestedGrant = { parts: null, inDetails: false, calls: null }

/** What a person's consent leaves of a request: it only ever reduces the grant. */
export interface GrantReduction {
  /** Names of tools, and `server.*` for all tools of a server. Null: all. */
  readonly tools: readonly string[] | null
  /** Null: as many as before. */
  readonly calls: number | null
  /** Milliseconds that the task may live. Null: as long as before. */
  readonly life: number | null
}

/**
 * RFC 9396 details of a grant, for the client and in its token (`effective-details.ts` makes them); the grant in the
 * ledger decides.
 */
export interface GrantedDetails {
  readonly type: "narrowgate_call"
  readonly tools: readonly string[]
  readonly actions: readonly Action[]
  readonly max_sensitivity: Sensitivity
  /** What all bounds allow together, by argument name. */
  readonly arguments?: Readonly<Record<string, object>>
  /** A call with any other argument is denied. */
  readonly closed?: true
  readonly calls?: number
}

/** Whether the grant covers the tool as the catalog now defines it; its arguments are checked elsewhere. */
export function coversTool(grant: Grant, tool: Tool): boolean {
  const granted = Object.hasOwn(grant.tools, tool.name) ? grant.tools[tool.name] : undefined
  return granted?.action === tool.action && sensitivityRank(tool.sensitivity) <= sensitivityRank(granted.maxSensitivity)
}
