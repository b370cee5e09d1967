/**
 * A request with the task's token, and with a proof if that is bound (RFC 9449, section 7). It follows redirects itself,
 * because a proof is for one URL, and because no token may follow to another origin.
 */
import { requireSecure, type Reach } from "./bounded-fetch.ts"
import type { Clock } from "./clock.ts"
import { NarrowgateError } from "./errors.ts"
import type { ProofKey } from "./proof-key.ts"

export interface Authority {
  readonly token: () => Promise<string>
  /** The token that comes after one that was not accepted; null: there is none. */
  readonly after: (rejected: string) => Promise<string | null>
  readonly key: ProofKey | null
  /** Whether the token may go to this origin. */
  readonly admits: (origin: string) => boolean
  /** The clock for proofs to this origin, which its answers may adjust. */
  readonly clockOf: (origin: string) => Clock
  readonly reach: Pick<Reach, "fetch" | "allowHttp">
}

type Input = Parameters<typeof fetch>[0]
type Init = Parameters<typeof fetch>[1]

/** As browsers have it, roughly: more are a loop. */
const MOST_REDIRECTS = 10

export async function authorizedFetch(authority: Authority, input: Input, init: Init): Promise<Response> {
  let outgoing = outgoingOf(input, init)
  for (let redirects = 0; ; redirects++) {
    const response = await answered(authority, outgoing)
    const next = redirected(response, outgoing)
    if (!next || redirects === MOST_REDIRECTS) return response
    await response.body?.cancel()
    outgoing = next
  }
}

interface Outgoing {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly body: NonNullable<NonNullable<Init>["body"]> | null
  readonly redirect: string
  /** The caller's other options. */
  readonly init: Init
  /** Null: the request is `url` and `init`. */
  readonly request: Request | null
}

function outgoingOf(input: Input, init: Init): Outgoing {
  const request = input instanceof Request ? input : null
  return {
    url: new URL(addressOf(input), pageUrl()),
    method: (init?.method ?? request?.method ?? "GET").toUpperCase(),
    headers: new Headers(init?.headers ?? request?.headers),
    body: init?.body ?? request?.body ?? null,
    redirect: init?.redirect ?? request?.redirect ?? "follow",
    init,
    request,
  }
}

function addressOf(input: Input): string {
  if (typeof input === "string") return input
  return "href" in input ? input.href : input.url
}

/** What is relative is so to the page. */
const pageUrl = (): string | undefined =>
  (globalThis as { readonly location?: { readonly href: string } }).location?.href

/** A stream, or an iterable, which Node takes too, can be sent only once. */
const isRepeatable = ({ body }: Outgoing): boolean =>
  typeof body !== "object" || body === null || !(Symbol.asyncIterator in body || "getReader" in body)

async function answered(authority: Authority, outgoing: Outgoing): Promise<Response> {
  const { key, reach } = authority
  const { url } = outgoing
  requireSecure(url, reach.allowHttp)
  if (!authority.admits(url.origin))
    throw new NarrowgateError("origin_not_allowed", `the token does not go to ${url.origin}: name it in \`origins\``)
  let token = await authority.token()
  const tried = new Set<Remedy>()
  for (;;) {
    const response = await sent(authority, outgoing, token)
    key?.takeNonce(response, url)
    const remedy = remedyOf(response, key !== null)
    if (remedy === null || tried.has(remedy) || !isRepeatable(outgoing)) return response
    tried.add(remedy)
    if (remedy === "clock" && !authority.clockOf(url.origin).adjustBy(response)) return response
    if (remedy === "token") {
      const next = await authority.after(token)
      if (next === null || next === token) return response
      token = next
    }
    await response.body?.cancel()
  }
}

async function sent({ key, clockOf, reach }: Authority, outgoing: Outgoing, token: string): Promise<Response> {
  const { url, method, body, init, request } = outgoing
  const headers = new Headers(outgoing.headers)
  headers.set("authorization", `${key ? "DPoP" : "Bearer"} ${token}`)
  if (key) headers.set("dpop", await key.prove({ method, url, token, now: clockOf(url.origin).now() }))
  const changed = { ...init, headers, redirect: "manual" } as const
  return request ? reach.fetch(request, changed) : reach.fetch(url, { ...changed, method, body })
}

/** What would make the same request succeed: a nonce, the right time, or another token. */
type Remedy = "nonce" | "clock" | "token"

function remedyOf({ status, headers }: Response, isBound: boolean): Remedy | null {
  if (status !== 401) return null
  const challenge = headers.get("www-authenticate") ?? ""
  const [, error = headers.get("x-narrowgate-code") ?? ""] = /\berror="?([\w.-]+)/i.exec(challenge) ?? []
  if (isBound && error === "use_dpop_nonce") return "nonce"
  if (isBound && error === "invalid_dpop_proof") return "clock"
  return error === "invalid_token" ? "token" : null
}

/** Where it leads to (RFC 9110, section 15.4). Null: nowhere, or to where the token must not follow. */
function redirected(response: Response, outgoing: Outgoing): Outgoing | null {
  const { url, method, redirect, init, request } = outgoing
  // Not every platform has one.
  const isOpaque = (response.type as string) === "opaqueredirect"
  const location = STATUS_OF_REDIRECTS.has(response.status) ? response.headers.get("location") : null
  if (redirect === "error" && (location !== null || isOpaque)) throw new TypeError(`${url.origin} redirects`)
  if (redirect !== "follow") return null
  if (isOpaque) throw new NarrowgateError("redirected", `${url.origin} redirects, and a browser does not show where to`)
  const target = location === null ? null : URL.parse(location, url.href)
  if (target?.origin !== url.origin) return null
  const signal = init?.signal ?? request?.signal
  const next = { ...outgoing, url: target, request: null, init: { ...init, ...(signal && { signal }) } }
  if (response.status >= 307 || method === "GET" || method === "HEAD") return isRepeatable(outgoing) ? next : null
  const headers = new Headers(outgoing.headers)
  for (const name of OF_A_BODY) headers.delete(name)
  return { ...next, method: "GET", body: null, headers }
}

const STATUS_OF_REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])
const OF_A_BODY = ["content-type", "content-length", "content-encoding", "content-language", "content-location"]
