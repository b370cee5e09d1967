/** One call as a gateway presented it, whatever its dialect: only the gateway is verified yet. */
import type { CallRequest } from "../core/catalog/call-request.ts"
import type { TraceParent } from "../core/encoding/trace-context.ts"
import type { Denial } from "../core/denials/denial.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"
import type { Client } from "../core/decision/client.ts"
import type { Subject } from "./dialects/dialect.ts"

export interface PresentedCall extends CallRequest {
  readonly gateway: GatewayDefinition
  /** What the gateway asserts of its client. */
  readonly client: Client
  /** Hash of the key that the gateway presented. */
  readonly keyHash: string
  /** `Authorization` of the original request. */
  readonly authorization: string | null
  /** `DPoP` of the original request. */
  readonly proof: string | null
  /** Why the call is ambiguous, whatever it calls; null if it is not. */
  readonly objection: Denial | null
  /** For whom the gateway says that the call is; absent if it does not say. */
  readonly subject?: Subject
  /** Set by the registered gateway itself, never by its client. */
  readonly requestId: string | null
  /** Of the span that has sent the request, as its headers say. */
  readonly trace: TraceParent | null
}
