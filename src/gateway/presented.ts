/**
 * One call as a gateway presented it, whatever its dialect: nothing in it is verified yet but the gateway itself.
 */
import type { GatewayDefinition } from "../policy/bundle.ts"

/** The request's body as far as the authorizer can see it. */
export type Body =
  /** Whole, as text; empty where the request has none. */
  | { readonly kind: "whole"; readonly text: string }
  /** This gateway does not pass bodies on, and the method may have one. */
  | { readonly kind: "withheld" }

/** Headers of the original request that a step may read, and no others: absent ones are null. */
export interface CallHeaders {
  readonly contentType: string | null
  readonly mcpProtocolVersion: string | null
  readonly mcpMethod: string | null
  readonly mcpName: string | null
}

export interface Presented {
  readonly gateway: GatewayDefinition
  /** Registered public origin that the request was for. */
  readonly origin: string
  readonly method: string
  /** Path and query as the client sent them. */
  readonly target: string
  /** `Authorization` of the original request. */
  readonly authorization: string | null
  /** `DPoP` of the original request. */
  readonly proof: string | null
  readonly headers: CallHeaders
  readonly body: Body
  /** Set by the registered gateway itself, never by its client. */
  readonly requestId: string | null
}
