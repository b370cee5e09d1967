/**
 * Which headers the development gateway forwards, and in which direction. As ordered pairs, never as an object: Node
 * drops the second of two `Authorization` headers from `request.headers`, and the authorizer must see that there are
 * two.
 */
export type Pair = readonly [name: string, value: string]

/** RFC 9110, section 7.6.1; this hop answers `Expect`, and `Host` is each hop's own. */
const HOP_BY_HOP = new Set([
  "connection",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
])

/** What only the gateway says, to the authorizer or to the upstream. */
const GATEWAY_OWN = new Set(["x-request-id", "x-original-method", "x-original-uri", "x-original-host"])

const LAST_EVENT_ID = "last-event-id"

/** What Envoy's `allowed_headers` would list, besides `mcp-*`. */
const ENVOY_ALLOWED = new Set([
  "authorization",
  "dpop",
  "content-type",
  "content-encoding",
  "accept",
  "origin",
  "access-control-request-method",
  LAST_EVENT_ID,
  "traceparent",
])

/** By which an upstream could take a preflight for a call; Envoy's list does not show them to the authorizer. */
const OTHER_METHOD = /^x-http-method$|^(?:x-(?:http-)?)?method-override$/

/** What a client may know of a decision. Everything else is for upstreams. */
const CLIENT_VISIBLE = new Set(["x-narrowgate-code", "x-narrowgate-decision", "x-narrowgate-status"])

/** `rawHeaders` of Node: name, value, name, value … */
export function pairs(raw: readonly string[]): Pair[] {
  const found: Pair[] = []
  for (let index = 0; index + 1 < raw.length; index += 2) found.push([raw[index] ?? "", raw[index + 1] ?? ""])
  return found
}

/** The first value, or undefined; `name` in lower case. */
export function first(headers: readonly Pair[], name: string): string | undefined {
  return headers.find(([other]) => other.toLowerCase() === name)?.[1]
}

/**
 * Without the headers of this hop only, which include each name that `Connection` lists, but for the length of a body:
 * without it, a body of a GET would be a second request.
 */
function endToEnd(headers: readonly Pair[]): Pair[] {
  const listed = headers
    .filter(([name]) => name.toLowerCase() === "connection")
    .flatMap(([, value]) => value.split(",").map((name) => name.trim().toLowerCase()))
  const dropped = new Set([...HOP_BY_HOP, ...listed])
  dropped.delete("content-length")
  return headers.filter(([name]) => !dropped.has(name.toLowerCase()))
}

export function toEnvoyAuthorizer(client: readonly Pair[]): Pair[] {
  return endToEnd(client).filter(([name]) => {
    const lower = name.toLowerCase()
    return ENVOY_ALLOWED.has(lower) || lower.startsWith("mcp-")
  })
}

/** Everything the client sent, except the body's length (there is no body) and what only a gateway may say. */
export function toForwardAuthorizer(client: readonly Pair[]): Pair[] {
  return endToEnd(client).filter(([name]) => {
    const spelled = spelling(name)
    return spelled !== "content-length" && !GATEWAY_OWN.has(spelled) && !isIdentity(spelled)
  })
}

/**
 * The upstream gets neither the delegation token nor any identity that the client claims. What the authorizer states
 * stands in place of the client's: the span of its decision, as the parent of the upstream's.
 * @param stated by the authorizer, which allows it
 * @param isFiltered it is an MCP server whose lists are cut down: it would repeat them whole to a client that resumes a
 * stream (MCP 2025-11-25, "Resumability and Redelivery")
 */
export function toUpstream(client: readonly Pair[], stated: readonly Pair[], isFiltered: boolean): Pair[] {
  const kept = endToEnd(client).filter(([name]) => {
    const spelled = spelling(name)
    // The authorizer may not have seen another spelling.
    if (spelled === LAST_EVENT_ID && (isFiltered || name.toLowerCase() !== LAST_EVENT_ID)) return false
    if (OTHER_METHOD.test(spelled)) return false
    if (spelled === "traceparent" && first(stated, spelled) !== undefined) return false
    return spelled !== "authorization" && spelled !== "dpop" && spelled !== "x-request-id" && !isIdentity(spelled)
  })
  return [...kept, ...stated]
}

/** What an allowing authorizer states for the upstream: who calls, and the span of its decision. */
export function statedBy(authorizer: readonly Pair[]): Pair[] {
  return authorizer.filter(([name]) => name.toLowerCase() === "traceparent" || isIdentity(spelling(name)))
}

/** Of an authorizer's answer to the client. */
export function denial(authorizer: readonly Pair[]): Pair[] {
  return endToEnd(authorizer).filter(([name]) => {
    const lower = name.toLowerCase()
    return lower !== "content-length" && (CLIENT_VISIBLE.has(lower) || !isIdentity(spelling(name)))
  })
}

/** The status that a denial's client gets instead: an authorizer of MCP servers states it (`denials: mcp`). */
export function restatedStatus(authorizer: readonly Pair[]): number | undefined {
  return RESTATED.get(first(authorizer, "x-narrowgate-status"))
}
const RESTATED: ReadonlyMap<string | undefined, number> = new Map([
  ["200", 200],
  ["202", 202],
])

/**
 * Of an upstream's answer to the client: an upstream states no decision, no nonce and no challenge, by which a client
 * would send its user where the upstream likes.
 */
export function fromUpstream(upstream: readonly Pair[]): Pair[] {
  return endToEnd(upstream).filter(([name]) => !isIdentity(spelling(name)) && !CHALLENGES.has(name.toLowerCase()))
}
const CHALLENGES = new Set(["www-authenticate", "dpop-nonce"])

function isIdentity(spelled: string): boolean {
  return spelled === "x-narrowgate" || spelled.startsWith("x-narrowgate-") || spelled === "txn-token"
}

/** CGI and WSGI map `-`, `_` and `.` to the same letter: a header is dropped in every spelling. */
function spelling(name: string): string {
  return name.toLowerCase().replaceAll(/[_.]/g, "-")
}
