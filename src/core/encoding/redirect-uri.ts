/**
 * Redirect URIs (RFC 6749, section 3.1.2): where an authorization code is sent, and what matches the registered one.
 * Letter by letter; only the port at loopback is the program's choice when it starts (RFC 8252, section 7.3), of
 * `localhost` too, which most clients of MCP use. Each of the three hosts stands for itself alone: another program may
 * listen at each of them.
 */

const MAX_LENGTH = 2_048
/** The parts before the port and from the path on; nothing else may be between them, such as `80@evil.example`. */
const LOOPBACK = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]|localhost))(?::\d{1,5})?([/?].*)?$/
const PLAIN = /^[\x21\x23-\x5b\x5d\x5f\x61-\x7a\x7e]+$/
/** A host by name or address. The URL parser accepts others, which a page's policy would read as more than one. */
const HOST = /^(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])$/
const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(["127.0.0.1", "[::1]", "localhost"])

/**
 * A scheme of one app (RFC 8252, section 7.1): a domain of its maker's, reversed. Others may belong to what a browser or
 * an operating system does with a URL, such as running it.
 */
const APP_SCHEME = /^[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+:$/
/** Apps that have another. */
const OTHER_APPS: ReadonlySet<string> = new Set(["cursor:", "vscode:", "vscode-insiders:"])

const isOfApp = ({ protocol }: URL): boolean => APP_SCHEME.test(protocol) || OTHER_APPS.has(protocol)

/** Whether it may be registered: on the web with TLS, or on the person's own machine. */
export function isRedirectUri(text: string): boolean {
  if (text.length > MAX_LENGTH || !PLAIN.test(text) || text.includes("#")) return false
  const url = URL.parse(text)
  // If the URL parser changes its spelling, it names a place that its reader does not see.
  if (!url || url.username !== "" || url.password !== "" || !isAsWritten(text, url)) return false
  if (isOfApp(url)) return text.startsWith(`${url.protocol}/`) && (url.host === "" || HOST.test(url.host))
  if (!HOST.test(url.hostname)) return false
  return url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK_HOSTS.has(url.hostname))
}

/**
 * Their apps' addresses at such a scheme that only take an answer. At others an app does what the URL says:
 * `cursor://anysphere.cursor-deeplink/mcp/install` installs the program that it names.
 */
const CALLBACKS: ReadonlySet<string> = new Set(["cursor://anysphere.cursor-mcp/oauth/callback"])

/** Whether a client that nobody knows may register it. */
export function isStrangersRedirectUri(text: string): boolean {
  return isRedirectUri(text) && (!OTHER_APPS.has(new URL(text).protocol) || CALLBACKS.has(text))
}

function isAsWritten(text: string, { href, pathname, search }: URL): boolean {
  return text === href || (pathname === "/" && search === "" && `${text}/` === href)
}

export function isRegistered(registered: readonly string[], requested: string): boolean {
  if (!isRedirectUri(requested)) return false
  const place = placeOf(requested)
  return registered.some((uri) => isRedirectUri(uri) && placeOf(uri) === place)
}

function placeOf(uri: string): string {
  const [, host, rest = ""] = LOOPBACK.exec(uri) ?? []
  return host === undefined ? uri : host + rest
}

/** Whether the response goes to a program on the person's own machine, whichever that is. */
export function isOwnMachine(uri: string): boolean {
  const url = new URL(uri)
  return isOfApp(url) || LOOPBACK_HOSTS.has(url.hostname)
}

/**
 * The target that a page's policy must allow for its form (CSP 3, `form-action`). It cannot express an IPv6 address:
 * for one it allows any place without TLS, to which nothing but this response is ever sent.
 */
export function formTargetOf(uri: string): string {
  const url = new URL(uri)
  if (isOfApp(url)) return url.protocol
  return url.hostname.startsWith("[") ? "http:" : url.origin
}

/** Adds the parameters of the response (RFC 6749, section 4.1.2); the query of the URI stays. */
export function answerAt(uri: string, parameters: Readonly<Record<string, string | null>>): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== null)
  const { search } = new URL(uri)
  const separator = search === "" ? (uri.endsWith("?") ? "" : "?") : "&"
  return uri + separator + new URLSearchParams(given).toString()
}
