/**
 * A client's request that another program describes in plain values, because its own request is a different one. The
 * description stands in headers that are set here, over whatever the client sent. The program forwards the request to
 * the very URL that it names. So it does not matter how many origins are registered: scheme, host and port must be
 * those of one of them.
 */
import { deny, type Denied } from "../../core/denials/denial.ts"
import { readTraceparent, TRACEPARENT } from "../../core/encoding/trace-context.ts"
import type { OriginalRequest } from "./dialect.ts"

export const RELAY_HEADERS = {
  method: "X-Narrowgate-Method",
  origin: "X-Narrowgate-Origin",
  target: "X-Narrowgate-Target",
} as const

export function readRelayHeaders({ headers }: Request): OriginalRequest | Denied {
  const [method, origin, target] = [
    headers.get(RELAY_HEADERS.method),
    headers.get(RELAY_HEADERS.origin),
    headers.get(RELAY_HEADERS.target),
  ]
  if (method === null || origin === null || target === null) {
    return deny({ reason: "target_missing", header: RELAY_HEADERS.target })
  }
  return { method, target, host: null, origin }
}

/**
 * Only hosts that every parser ends at the same place, because the request will be sent there. No blanks, because those
 * at the end would be lost in a header.
 */
const URL_PARTS = /^(https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?)(\/\S*)$/i

/** Returns the headers that `readRelayHeaders` reads; null if the URL is not absolute. */
export function relayHeadersOf(method: string, url: string): Readonly<Record<string, string>> | null {
  // A regular expression, not a parser: a parser would resolve dot segments, which are to be denied.
  const [, base, target] = URL_PARTS.exec(url) ?? []
  if (base === undefined || target === undefined || !URL.canParse(base) || /\s/.test(method)) return null
  return {
    [RELAY_HEADERS.method]: method,
    [RELAY_HEADERS.origin]: new URL(base).origin,
    [RELAY_HEADERS.target]: target,
  }
}

export interface RelayedRequest {
  /** The client's headers; a name may occur several times. */
  readonly headers: Iterable<readonly [name: string, value: string]>
  readonly body: BodyInit | null
}

/** Reads a table in which a name that occurs several times has a list. */
export function linesOf(
  table: Readonly<Record<string, string | readonly string[]>>,
): readonly (readonly [name: string, value: string])[] {
  return Object.entries(table).flatMap(([name, values]) => [values].flat().map((value) => [name, value] as const))
}

/** Whether the headers say that the request has a body. A body that is not relayed cannot be judged. */
export function announcesBody(sent: RelayedRequest["headers"]): boolean {
  return [...sent].some(([name, value]) => {
    const header = name.toLowerCase()
    return header === "transfer-encoding" || (header === "content-length" && !/^0*$/.test(value))
  })
}

/**
 * @param own headers that are set over the client's
 * @param without names of the client's headers that are dropped
 * @returns null if no HTTP request can carry it
 */
export function requestOf(
  { headers: sent, body }: RelayedRequest,
  own: Readonly<Record<string, string>>,
  without: readonly string[] = [],
): Request | null {
  try {
    const headers = new Headers()
    for (const [name, value] of sent) headers.append(name, value)
    for (const name of without) headers.delete(name)
    for (const [name, value] of Object.entries(own)) headers.set(name, value)
    return new Request(HERE, { method: "POST", headers, body })
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}
const HERE = "https://told.invalid/"

/**
 * Returns the header that stands for the client's in a request that a gateway describes in a document: the gateway's own
 * request has it only if the gateway traces it.
 */
export function nearestTrace(headers: Headers): Readonly<Record<string, string>> {
  const own = headers.get(TRACEPARENT)
  return own === null || readTraceparent(own) === null ? {} : { [TRACEPARENT]: own }
}
