/**
 * Which URLs may be fetched (public keys of others, MCP servers that are probed): https, to a host that is no literal
 * private address. The network has to block names that resolve to private addresses: a Worker cannot see these
 * addresses, and cannot reach them.
 */

export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d+){3}$/.test(hostname)
}

/**
 * Unspecified, private, shared, link-local, benchmark, multicast, reserved (RFC 6890); the URL parser has normalized
 * each spelling.
 */
const PRIVATE_V4 =
  /^(?:0|10|127|2(?:2[4-9]|[3-5]\d))\.|^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|^169\.254\.|^172\.(?:1[6-9]|2\d|3[01])\.|^192\.(?:0\.0|0\.2|168)\.|^198\.(?:1[89]|51\.100)\.|^203\.0\.113\./
const IS_V4 = /^\d+\.\d+\.\d+\.\d+$/
/** Names that only a private resolver knows. */
const PRIVATE_NAME =
  /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|corp|home|private|consul|svc|home\.arpa)\.?$/

/**
 * A literal address is private unless it is known not to be: of IPv6 only global unicast is public (RFC 4291, section
 * 2.4).
 */
export function isPrivate(url: URL): boolean {
  const { hostname } = url
  if (hostname.startsWith("[")) return !/^\[[23]/.test(hostname) || /^\[(?:2002:|2001:(?:0?:|db8:))/.test(hostname)
  return IS_V4.test(hostname) ? PRIVATE_V4.test(hostname) : PRIVATE_NAME.test(hostname) || !hostname.includes(".")
}

/** @param local the local stack: loopback may be reached, without TLS */
export function mayBeFetched(url: URL, local: boolean): boolean {
  if (url.username !== "" || url.password !== "") return false
  if (local && isLoopback(url)) return url.protocol === "https:" || url.protocol === "http:"
  return url.protocol === "https:" && !isPrivate(url)
}

/**
 * Whether two URIs name the same resource (RFC 8707): `https://api.example` and `https://api.example/` do (RFC 3986,
 * section 6.2.3), and the client's library decides which of them it writes. Any other spelling is another name.
 */
export function isSameResource(one: string, other: string): boolean {
  return one === other || withoutSlash(one) === withoutSlash(other)
}

/** A URL as it is written, up to its path: no userinfo, which hides where the host begins, and no other parts. */
const UP_TO_PATH = /^https?:\/\/[A-Za-z0-9.:[\]-]+(?:\/[^?#]*)?$/
/** Segments that each reader takes for the same: no escapes, parameters or backslashes, and none of dots alone. */
const PLAIN_SEGMENTS = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~!$&'()*+,=:@-]+)*\/?$/

/**
 * Whether a URL is below another, letter by letter: same scheme, host and port, and the other's path ends where one of
 * its segments does.
 */
export function isBelow(url: string, other: string): boolean {
  if (!UP_TO_PATH.test(other)) return false
  const base = other.endsWith("/") ? other.slice(0, -1) : other
  return url.startsWith(`${base}/`) && PLAIN_SEGMENTS.test(url.slice(base.length))
}

function withoutSlash(uri: string): string {
  return /^https?:\/\/[^/?#]+\/$/.test(uri) ? uri.slice(0, -1) : uri
}
