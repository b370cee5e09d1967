/** What the catalog reads of an agent's request, as far as the gateway relays it. None of it is believed yet. */
import { headerSpellings } from "../encoding/name-folding.ts"

/** The body of the request, as far as the authorizer can see it. */
export type Body =
  /** The whole body, as text; empty if the request has none. */
  | { readonly kind: "whole"; readonly text: string }
  /** The whole body, which is not UTF-8: each byte is one character. */
  | { readonly kind: "binary"; readonly text: string }
  /** The gateway does not pass bodies on, and the method may have one. */
  | { readonly kind: "withheld" }

/** Headers of the original request that a step may read, and no others; null if absent. */
export interface CallHeaders {
  readonly contentType: string | null
  readonly mcpProtocolVersion: string | null
  readonly mcpMethod: string | null
  readonly mcpName: string | null
  /** By which a GET resumes a stream of a server. */
  readonly lastEventId: string | null
}

const LAST_EVENT_ID = headerSpellings("last-event-id")

/**
 * Whatever its spelling: with one that only the upstream reads, a client would fetch results of earlier calls by what is
 * judged as the opening of a stream.
 * @param header returns null if there is none
 */
export function readLastEventId(header: (name: string) => string | null): string | null {
  for (const name of LAST_EVENT_ID) {
    const id = header(name)
    if (id !== null) return id
  }
  return null
}

export interface CallRequest {
  /** The registered public origin that the request was for. */
  readonly origin: string
  readonly method: string
  /** Path and query as the client sent them. */
  readonly target: string
  readonly headers: CallHeaders
  readonly body: Body
}

/** Methods whose body no server is expected to read (RFC 9110, sections 9.3.1, 9.3.2 and 9.3.7). */
export const BODILESS = new Set(["GET", "HEAD", "OPTIONS"])

/**
 * What is known of the body of a request through a gateway that forwards none.
 * @param isTyped whether headers describe a body: then an upstream may read one, whatever the method
 */
export function unforwardedBody(method: string, isTyped: boolean): Body {
  return BODILESS.has(method) && !isTyped ? { kind: "whole", text: "" } : { kind: "withheld" }
}
