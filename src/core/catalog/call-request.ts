/** What of an agent's request the catalog reads, as far as a gateway lets it be seen. Nothing of it is believed yet. */

/** The request's body as far as the authorizer can see it. */
export type Body =
  /** Whole, as text; empty where the request has none. */
  | { readonly kind: "whole"; readonly text: string }
  /** Whole, and not UTF-8: each byte as one character. */
  | { readonly kind: "binary"; readonly text: string }
  /** This gateway does not pass bodies on, and the method may have one. */
  | { readonly kind: "withheld" }

/** Headers of the original request that a step may read, and no others: absent ones are null. */
export interface CallHeaders {
  readonly contentType: string | null
  readonly mcpProtocolVersion: string | null
  readonly mcpMethod: string | null
  readonly mcpName: string | null
}

export interface CallRequest {
  /** Registered public origin that the request was for. */
  readonly origin: string
  readonly method: string
  /** Path and query as the client sent them. */
  readonly target: string
  readonly headers: CallHeaders
  readonly body: Body
}

/** Methods whose body no server is expected to read (RFC 9110 9.3.1, 9.3.2, 9.3.7). */
export const BODILESS = new Set(["GET", "HEAD", "OPTIONS"])
