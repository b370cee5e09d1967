/** The decision that a gateway's answer is made of, whatever the dialect. */
import type { McpServer } from "../core/catalog/mcp-server.ts"
import type { Denial } from "../core/denials/denial.ts"
import type { TraceParent } from "../core/encoding/trace-context.ts"
import type { WindowUse } from "../core/guardrails/kind.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"

export interface Decision {
  readonly id: string
  /** The gateway as registered in the bundle that decided: whether it enforces a denial stands there. */
  readonly gateway: GatewayDefinition
  /** The MCP server whose endpoint was called; absent if it was none, or if that is not known. */
  readonly server?: McpServer
  /** Null: allowed. */
  readonly denial: Denial | null
  readonly agent: string | null
  readonly user: string | null
  readonly task: string | null
  readonly purpose: string | null
  readonly tool: string | null
  readonly windows: readonly WindowUse[]
  /** Of a denial: the scope that would cover the call, and can be had. */
  readonly scope: string | null
  /** Signed, for the upstream; null if the gateway wants none, or if the call is denied. */
  readonly transactionToken: string | null
  /** Of the span that the call comes from. */
  readonly trace: TraceParent | null
}

export const NO_IDENTITY = {
  agent: null,
  user: null,
  task: null,
  purpose: null,
  tool: null,
  windows: [],
  scope: null,
  transactionToken: null,
  trace: null,
} as const
