/**
 * One call as a gateway presented it, whatever its dialect: nothing in it is verified yet but the gateway itself.
 */
import type { CallRequest } from "../core/catalog/call-request.ts"
import type { Denial } from "../core/denials/denial.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"
import type { Client } from "../core/decision/client.ts"
import type { Subject } from "./dialects/dialect.ts"

export interface PresentedCall extends CallRequest {
  readonly gateway: GatewayDefinition
  /** What it asserts of its client. */
  readonly client: Client
  /** Of the key that it presented. */
  readonly keyHash: string
  /** `Authorization` of the original request. */
  readonly authorization: string | null
  /** `DPoP` of the original request. */
  readonly proof: string | null
  /** Why it can be read in several ways, whatever it calls; null: it cannot. */
  readonly objection: Denial | null
  /** Whom it says that the call is for; absent: it says nothing. */
  readonly subject?: Subject
  /** Set by the registered gateway itself, never by its client. */
  readonly requestId: string | null
}
