/**
 * Requests a decision on one request, in the manner of Envoy's ext_authz, of nginx's auth_request, or of Traefik's and
 * Caddy's forward auth. Everything that is not a clear allow is a denial: an authorizer that is down, a timeout, a
 * status that the dialect does not know.
 */
import { type IncomingMessage, request as send } from "node:http"
import { buffer } from "node:stream/consumers"
import {
  type Pair,
  denial,
  first,
  pairs,
  restatedStatus,
  statedBy,
  toEnvoyAuthorizer,
  toForwardAuthorizer,
} from "./headers.ts"

/** Envoy's own default is 200 ms, which a cold workerd on two busy cores does not always meet. */
const AUTHORIZER_TIMEOUT_MS = 5_000

export interface Authorizer {
  /** `http://127.0.0.1:PORT`. */
  readonly origin: string
  /** The gateway's key, sent as `x-narrowgate-key`. */
  readonly key: string
  readonly dialect: StandIn
}

/** The gateways that this one can stand in for, and whether each sends the whole body to the authorizer. */
export const SENDS_BODY = { envoy: true, nginx: false, traefik: true, caddy: false } as const
export type StandIn = keyof typeof SENDS_BODY

export function isStandIn(dialect: string): dialect is StandIn {
  return Object.hasOwn(SENDS_BODY, dialect)
}

export interface OriginalRequest {
  readonly method: string
  /** Path and query, exactly as the client sent them. */
  readonly target: string
  readonly headers: readonly Pair[]
  /** Whole, or empty under a dialect that sends none. */
  readonly body: Uint8Array
  readonly requestId: string
  /** Of the origin that the client calls. */
  readonly host: string
}

export interface Refusal {
  readonly allowed: false
  readonly status: number
  readonly headers: readonly Pair[]
  readonly body: Uint8Array
}

export type Verdict = { readonly allowed: true; readonly stated: readonly Pair[] } | Refusal

export async function ask(authorizer: Authorizer, original: OriginalRequest): Promise<Verdict> {
  return ASK[authorizer.dialect](authorizer, original)
}

const ASK: Readonly<Record<StandIn, typeof ask>> = {
  envoy: askEnvoy,
  nginx: askNginx,
  traefik: askForwarded,
  caddy: askForwarded,
}

/**
 * Same method, raw path below `/authz/envoy`, the body. Only exactly 200 allows; an outage is a 403
 * (`status_on_error`). A denial may state another status for its client (`local_reply_config`).
 */
async function askEnvoy(authorizer: Authorizer, original: OriginalRequest): Promise<Verdict> {
  // It keeps the client's Host.
  const headers: Pair[] = [...toEnvoyAuthorizer(original.headers), ...own(authorizer, original, original.host)]
  // As Envoy's header-mutation filter sets it: the URL of the authorization request may be normalised on its way.
  headers.push(["x-narrowgate-original-path", original.target])
  const framed = original.body.length > 0 || first(original.headers, "content-length") !== undefined
  if (framed) headers.push(["content-length", String(original.body.length)])
  const answer = await exchange(authorizer, original.method, `/authz/envoy${original.target}`, headers, original.body)
  if (answer === undefined || answer.status >= 500) return refusal(403)
  if (answer.status === 200) return { allowed: true, stated: statedBy(answer.headers) }
  const status = restatedStatus(answer.headers) ?? answer.status
  return { ...answer, allowed: false, status, headers: denial(answer.headers) }
}

/** A GET without a body. Any 2xx allows; 401 and 403 are relayed without their body; everything else is a 500. */
async function askNginx(authorizer: Authorizer, original: OriginalRequest): Promise<Verdict> {
  const headers: Pair[] = [
    ...toForwardAuthorizer(original.headers),
    ...own(authorizer, original, new URL(authorizer.origin).host),
    ["x-original-method", original.method],
    ["x-original-uri", original.target],
    ["x-original-host", original.host],
  ]
  const answer = await exchange(authorizer, "GET", "/authz/forward", headers, new Uint8Array())
  if (answer === undefined) return refusal(500)
  if (answer.status >= 200 && answer.status < 300) return { allowed: true, stated: statedBy(answer.headers) }
  if (answer.status !== 401 && answer.status !== 403) return refusal(500)
  const copied = denial(answer.headers).filter(([name]) => /^(?:www-authenticate|x-narrowgate-.*)$/i.test(name))
  const { body, headers: kind } = refusal(answer.status)
  return { allowed: false, status: answer.status, headers: [...kind, ...copied], body }
}

/**
 * Traefik sends the client's method and body (`preserveRequestMethod`, `forwardBody`), Caddy a GET without a body. Both
 * overwrite `X-Forwarded-*`; any 2xx allows, and every denial is relayed unchanged.
 */
async function askForwarded(authorizer: Authorizer, original: OriginalRequest): Promise<Verdict> {
  const sendsBody = SENDS_BODY[authorizer.dialect]
  const headers: Pair[] = [
    ...toForwardAuthorizer(original.headers).filter(([name]) => !/^x[-_.]forwarded/iu.test(name)),
    ...own(authorizer, original, new URL(authorizer.origin).host),
    ["x-forwarded-method", original.method],
    ["x-forwarded-uri", original.target],
    ["x-forwarded-host", original.host],
    ["x-forwarded-proto", "http"],
  ]
  if (sendsBody && original.body.length > 0) headers.push(["content-length", String(original.body.length)])
  const body = sendsBody ? original.body : new Uint8Array()
  const answer = await exchange(authorizer, sendsBody ? original.method : "GET", "/authz/forward", headers, body)
  if (answer === undefined) return refusal(500)
  if (answer.status >= 200 && answer.status < 300) return { allowed: true, stated: statedBy(answer.headers) }
  return { ...answer, allowed: false, headers: denial(answer.headers) }
}

function own({ key }: Authorizer, { requestId }: OriginalRequest, host: string): Pair[] {
  return [
    ["host", host],
    ["x-narrowgate-key", key],
    ["x-request-id", requestId],
  ]
}

/** The gateway's own answer, if the authorizer's is missing or not relayed. */
export function refusal(status: number): Refusal {
  const body = Buffer.from(`${JSON.stringify({ error: "refused_by_gateway", status })}\n`)
  return { allowed: false, status, headers: [["content-type", "application/json"]], body }
}

interface Answer {
  readonly status: number
  readonly headers: readonly Pair[]
  readonly body: Uint8Array
}

/** Undefined if the authorizer cannot be reached or does not finish in time. Sent once: a retry would count twice. */
export async function exchange(
  { origin }: Pick<Authorizer, "origin">,
  method: string,
  path: string,
  headers: readonly Pair[],
  body: Uint8Array,
): Promise<Answer | undefined> {
  const { hostname, port } = new URL(origin)
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const signal = AbortSignal.timeout(AUTHORIZER_TIMEOUT_MS)
      send({ hostname, port, method, path, headers: headers.flat(), agent: false, signal })
        .once("response", resolve)
        .once("error", reject)
        .end(body)
    })
    return { status: answer.statusCode ?? 0, headers: pairs(answer.rawHeaders), body: await buffer(answer) }
  } catch {
    return undefined
  }
}
