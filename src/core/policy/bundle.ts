/**
 * The bundle: one compiled, immutable, content-addressed version of `policies/` (DESIGN §1, §7). The CLI writes it, the
 * Worker only reads it. Its digest is the SHA-256 of its bytes. A change of a field here needs a new FORMAT, so that
 * old code rejects a bundle that it would misread.
 */
import type { McpServer } from "../catalog/mcp-server.ts"
import type { RouteDefinition } from "../catalog/route.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Guardrail } from "../guardrails/definition.ts"
import type { AgentDefinition, PurposeDefinition } from "./definition/agents.ts"
import type { ApprovalDefinition, Approving } from "./definition/approvers.ts"
import type { GatewayDefinition, QueryClient } from "./definition/gateways.ts"
import type { IssuerDefinition } from "./definition/issuers.ts"
import type { OperatorDefinition } from "./definition/operators.ts"
import type { ReceiverDefinition } from "./definition/receivers.ts"
import type { StreamDefinition } from "./definition/streams.ts"
import type { LoweredRule, StoredEntity } from "./cedar/lowered.ts"

export const FORMAT = 12

export interface BundleBody {
  readonly format: typeof FORMAT
  readonly rules: readonly LoweredRule[]
  readonly entities: readonly StoredEntity[]
  readonly tools: readonly Tool[]
  readonly routes: readonly RouteDefinition[]
  readonly servers: readonly McpServer[]
  readonly agents: readonly AgentDefinition[]
  readonly purposes: readonly PurposeDefinition[]
  readonly issuers: readonly IssuerDefinition[]
  readonly gateways: readonly GatewayDefinition[]
  readonly queries: readonly QueryClient[]
  readonly operators: readonly OperatorDefinition[]
  readonly streams: readonly StreamDefinition[]
  readonly receivers: readonly ReceiverDefinition[]
  readonly guardrails: readonly Guardrail[]
  readonly approvals: readonly ApprovalDefinition[]
  /** The people that the owner of an agent stands for, if an approval names the owner. */
  readonly owners: Readonly<Record<string, readonly Approving[]>>
}

/** What a publisher does with a bundle: it becomes the live one, or the candidate; or the candidate is withdrawn. */
export const PUBLISHINGS = ["pointer", "candidate", "withdrawal"] as const
export type Publishing = (typeof PUBLISHINGS)[number]

/**
 * `typ` of each one's JWS. So no other token of a publisher's key is accepted as one (RFC 8725, section 3.11), and a
 * candidate can never be taken for the live bundle, nor the reverse.
 */
export const PUBLICATION_TYPES: Readonly<Record<Publishing, string>> = {
  pointer: "narrowgate-pointer+jwt",
  candidate: "narrowgate-candidate+jwt",
  withdrawal: "narrowgate-withdrawal+jwt",
}

/** `typ` of a publisher's request for the history of publications. */
export const HISTORY_TYPE = "narrowgate-history+jwt"

/** What KV holds under `pointer`, as the payload of a JWS by the publisher's key. */
export interface Pointer {
  /** Grows by at least one with every publication; a smaller one is never accepted again. */
  readonly seq: number
  /** Lower-case hex SHA-256 of the body. */
  readonly digest: string
}
