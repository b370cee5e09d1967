/** What a gateway is answered from: one decision, whatever the dialect. */
import type { Denial } from "../core/denials/denial.ts"
import type { WindowUse } from "../core/guardrails/kind.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"

export interface Decision {
  readonly id: string
  /** That asked, as the bundle has it by which was decided: what it does with a denial that says. */
  readonly gateway: GatewayDefinition
  /** Null: allowed. */
  readonly denial: Denial | null
  readonly agent: string | null
  readonly user: string | null
  readonly task: string | null
  readonly purpose: string | null
  readonly tool: string | null
  readonly windows: readonly WindowUse[]
  /** Signed, for what is behind the gateway; null: it wants none, or the call is refused. */
  readonly transactionToken: string | null
}

export const NO_IDENTITY = {
  agent: null,
  user: null,
  task: null,
  purpose: null,
  tool: null,
  windows: [],
  transactionToken: null,
} as const
