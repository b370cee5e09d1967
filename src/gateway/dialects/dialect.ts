/**
 * A dialect describes how one make of gateway sends its request, and which answers it can relay to the client. The
 * dialect belongs to the registered gateway and is never guessed from the request: nginx relays a client's own
 * X-Forwarded-Uri, and Caddy a client's own X-Original-Uri.
 */
import type { Denied } from "../../core/denials/denial.ts"
import type { GatewayDefinition } from "../../core/policy/definition/gateways.ts"

/** The client's request as the gateway describes it, before any of it is believed. */
export interface OriginalRequest {
  readonly method: string
  /** Path and query of the original request, raw. */
  readonly target: string
  /** Host of the original request; only ever compared with registered origins. */
  readonly host: string | null
  /** The subject that the gateway names; the token must belong to the same subject. */
  readonly subject?: Subject
  /**
   * The origin, if the gateway sends the absolute URL to which it will forward the request; it must be a registered
   * one.
   */
  readonly origin?: string
}

/** The calling agent, by its id; or the user on whose behalf it calls, by issuer and subject, joined by `|`. */
export interface Subject {
  readonly type: string
  readonly id: string
}

/** Where gateways send their requests: a path of this API, or RPC over a service binding. */
export type Endpoint = "/authz/envoy" | "/authz/forward" | "/access/v1" | "rpc"

export interface Dialect {
  readonly endpoint: Endpoint
  /**
   * Set if an answer is a document: whether this request gets its answer as one. A gateway of another dialect would
   * take any 200 for an allow.
   */
  readonly isDecisionRequest?: (question: Request, endpoint: Endpoint) => boolean
  /**
   * Set if the gateway's request is a document about the client's request: returns the request that `read`, and all
   * that follows, reads instead.
   */
  readonly unwrap?: (question: Request, gateway: GatewayDefinition) => Promise<Request | Denied>
  /** The header that holds the gateway's request id, whatever its entry says. */
  readonly requestIdHeader?: string
  /**
   * @param request the gateway's request
   * @param rawTarget its path and query as they reached the Worker
   */
  readonly read: (request: Request, rawTarget: string) => OriginalRequest | Denied
  /** Returns the status that carries this one to the client through such a gateway. */
  readonly status: (status: number) => number
  /** Set if the gateway wants a document: returns the answer as one. */
  readonly wrap?: (answer: Response) => Promise<Response>
}
