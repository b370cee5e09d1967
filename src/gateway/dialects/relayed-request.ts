/**
 * A client's request as whoever asks tells it in plain values, because it is not the request that asks: what it says of
 * it stands in headers that are set here, over whatever the client sent. It sends the request on to the very URL that it
 * names, so where that leads is no matter of how many origins are registered: scheme, host and port have to be one of
 * them.
 */
import { deny, type Denied } from "../../core/denials/denial.ts"
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
 * No host that a parser could end sooner or later than we do: it is where the request will be sent. No blanks: those at
 * the end would be lost in a header.
 */
const URL_PARTS = /^(https?:\/\/(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?)(\/\S*)$/i

/** What `readRelayHeaders` reads; null for what is no absolute URL. */
export function said(method: string, url: string): Readonly<Record<string, string>> | null {
  // Taken apart, not parsed: a parser would take dot segments away, which are to be refused.
  const [, base, target] = URL_PARTS.exec(url) ?? []
  if (base === undefined || target === undefined || !URL.canParse(base) || /\s/.test(method)) return null
  return {
    [RELAY_HEADERS.method]: method,
    [RELAY_HEADERS.origin]: new URL(base).origin,
    [RELAY_HEADERS.target]: target,
  }
}

export interface RelayedRequest {
  /** The client's; a name may be there several times. */
  readonly headers: Iterable<readonly [name: string, value: string]>
  readonly body: BodyInit | null
}

/** Of a table, in which a name that came several times has a list. */
export function linesOf(
  table: Readonly<Record<string, string | readonly string[]>>,
): readonly (readonly [name: string, value: string])[] {
  return Object.entries(table).flatMap(([name, values]) => [values].flat().map((value) => [name, value] as const))
}

/** Whether the headers say that the request has a body: of one that is not told nobody may judge. */
export function announcesBody(sent: RelayedRequest["headers"]): boolean {
  return [...sent].some(([name, value]) => {
    const header = name.toLowerCase()
    return header === "transfer-encoding" || (header === "content-length" && !/^0*$/.test(value))
  })
}

/**
 * @param own headers that are set over the client's
 * @param without those of the client's that are nobody's
 * @returns null for what no HTTP request can carry
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
