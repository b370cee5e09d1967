/**
 * A dialect says how one make of gateway puts a question and what it can carry back. It is the registered gateway's,
 * never guessed from the request: nginx relays a client's own X-Forwarded-Uri, Caddy a client's own X-Original-Uri.
 */
import type { Denied } from "../../core/denials/denial.ts"
import type { GatewayDefinition } from "../../core/policy/definition/gateways.ts"

/** What the request asked about, before anything of it is believed. */
export interface OriginalRequest {
  readonly method: string
  /** Path and query of the original request, raw. */
  readonly target: string
  /** Host of the original request; only ever compared with registered origins. */
  readonly host: string | null
  /** For whom, as whoever asks says: whom the token is for has to be the same. */
  readonly subject?: Subject
  /** Where whoever asks names it whole and will send the request there: it must be a registered one. */
  readonly origin?: string
}

/** The agent that calls, by its id; or the user on whose behalf, by issuer and subject, joined by `|`. */
export interface Subject {
  readonly type: string
  readonly id: string
}

/** Where gateways ask: a path of this API, or RPC over a service binding. */
export type Endpoint = "/authz/envoy" | "/authz/forward" | "/access/v1" | "rpc"

export interface Dialect {
  readonly endpoint: Endpoint
  /** Where an answer is a document: whether the question is one to answer so. Another's gateway would take any 200. */
  readonly asks?: (question: Request, endpoint: Endpoint) => boolean
  /** Where a question is a document about the client's request: what `read`, and all that follows, reads instead. */
  readonly unwrap?: (question: Request, gateway: GatewayDefinition) => Promise<Request | Denied>
  /** Where its own request id is found, whatever its entry says. */
  readonly requestIdHeader?: string
  /**
   * @param request the gateway's question
   * @param rawTarget its path and query as they reached the Worker
   */
  readonly read: (request: Request, rawTarget: string) => OriginalRequest | Denied
  /** The status that carries this one to the client through such a gateway. */
  readonly status: (status: number) => number
  /** Where the gateway wants a document: the answer as one. */
  readonly wrap?: (answer: Response) => Promise<Response>
}
