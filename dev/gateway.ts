/**
 * A small reverse proxy that does what a gateway with external authorization does, fail-closed, so that the local stack
 * needs no gateway installed. Development only: plain HTTP for clients, one connection per request, no WebSockets.
 */
import { randomUUID } from "node:crypto"
import { type IncomingMessage, type ServerResponse, createServer, request as sendPlain } from "node:http"
import { request as sendSecure } from "node:https"
import { pipeline } from "node:stream/promises"
import {
  type Authorizer,
  type OriginalRequest,
  type Refusal,
  type Verdict,
  ask,
  exchange,
  refusal,
  SENDS_BODY,
} from "./gateway/ask.ts"
import { asksForList, filteredAnswer } from "./gateway/lists.ts"
import { type Pair, first, fromUpstream, pairs, toUpstream } from "./gateway/headers.ts"
import { documentTarget } from "./gateway/metadata.ts"
import { type Listening, listen } from "./loopback.ts"

/** As Envoy's `max_request_bytes`: an authorizer must see the whole body or none. */
const MAX_BODY_BYTES = 1024 * 1024

export interface GatewayRoute {
  /** Path without a trailing slash; covers itself and everything below it. `""` covers all. */
  readonly prefix: string
  /** URL; what follows the prefix is appended to its path. */
  readonly upstream: string
  /** The catalog's name of the MCP server that it is, whose lists are cut down to what the agent may call. */
  readonly server?: string
}

export interface GatewayOptions {
  /** 0: a free port. */
  readonly port: number
  readonly authorizer: Authorizer
  /** The longest prefix takes precedence. */
  readonly routes: readonly GatewayRoute[]
  /**
   * The origin that clients call, if it is not the one listened on; the authorizer gets its host. Requests for other
   * hosts are rejected.
   */
  readonly publicOrigin?: string
  /** Its id in gateways.yaml; absent: it serves no metadata of what is behind it. */
  readonly id?: string
  /** Called with each answer of the authorizer, before the client has its own. */
  readonly observe?: (original: OriginalRequest, verdict: Verdict) => void
  /** The time that answers state, if it is not this machine's: a client adjusts the clock of its proofs by that. */
  readonly now?: () => Promise<Date>
}

/** One answer of the authorizer, for a demo to print. */
interface GatewayDecision {
  readonly method: string
  readonly target: string
  readonly allowed: boolean
  /** What the client gets; 200 for an allow, whatever the upstream answers. */
  readonly status: number
  /** Empty for an allow, and if the authorizer gave none. */
  readonly code: string
  /** The decision id; empty if the authorizer gave none. */
  readonly decision: string
  readonly requestId: string
}

export interface Gateway extends Listening {
  /** Oldest first. */
  readonly decisions: () => readonly GatewayDecision[]
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const decisions: GatewayDecision[] = []
  const hosts = new Set<string>()
  const server = createServer((request, response) => {
    const publicOrigin = options.publicOrigin ?? `http://${request.headers.host ?? ""}`
    const answer = async (): Promise<void> => {
      if (options.now) response.setHeader("date", (await options.now()).toUTCString())
      await serve({ ...options, publicOrigin }, hosts, decisions, request, response)
    }
    answer().catch(() => {
      if (response.headersSent) response.destroy()
      else response.writeHead(502).end()
    })
  })
  const listening = await listen(server, options.port)
  hosts.add(new URL(listening.origin).host)
  if (options.publicOrigin !== undefined) hosts.add(new URL(options.publicOrigin).host)
  return { ...listening, decisions: () => [...decisions] }
}

async function serve(
  { authorizer, routes, id, publicOrigin = "", observe, now }: GatewayOptions,
  hosts: ReadonlySet<string>,
  decisions: GatewayDecision[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = "", url: target = "" } = request
  // The absolute form names a second host, and the upstream might believe the other one.
  if (!target.startsWith("/")) return deny(response, refusal(400))
  if (!hosts.has(request.headers.host ?? "")) return deny(response, refusal(421))
  const document = id === undefined ? undefined : documentTarget(method, target, id, publicOrigin)
  if (document !== undefined) {
    const { host } = new URL(authorizer.origin)
    const found = await exchange(authorizer, method, document, [["host", host]], new Uint8Array())
    return deny(
      response,
      found
        ? {
            ...found,
            allowed: false,
            headers: fromUpstream(found.headers).filter(([name]) => name.toLowerCase() !== "content-length"),
          }
        : refusal(502),
    )
  }
  const upstream = locate(routes, target)
  if (upstream === undefined) return deny(response, refusal(404))

  const headers = pairs(request.rawHeaders)
  const sendsBody = SENDS_BODY[authorizer.dialect]
  // A preflight has no body. That of another request would pass for one, as no body goes with the question.
  if (!sendsBody && method === "OPTIONS" && isFramed(request)) return deny(response, refusal(400))
  const whole = sendsBody ? await wholeBody(request) : new Uint8Array()
  if (whole === undefined) return deny(response, refusal(413))
  const requestId = randomUUID()
  const original = { method, target, headers, body: whole, requestId, host: new URL(publicOrigin).host }
  const verdict = await ask(authorizer, original)
  decisions.push(noted(verdict, method, target, requestId))
  observe?.(original, verdict)
  if (!verdict.allowed) return deny(response, verdict)

  const isFiltered = upstream.server !== undefined
  const passed: Pair[] = toUpstream(headers, verdict.stated, isFiltered)
  passed.push(["host", upstream.host], ["x-request-id", requestId])
  // Without its framing the body of a GET would reach the upstream as a second request, which nobody authorized.
  if (request.headers["transfer-encoding"] !== undefined) passed.push(["transfer-encoding", "chunked"])
  const answer = await forward(upstream, passed, request, response, sendsBody ? whole : undefined)

  const back = fromUpstream(pairs(answer.rawHeaders)).filter(([name]) => !now || name.toLowerCase() !== "date")
  const decision = first(verdict.stated, "x-narrowgate-decision")
  if (decision !== undefined) back.push(["x-narrowgate-decision", decision])
  if (upstream.server !== undefined && answer.statusCode === 200 && asksForList(original)) {
    const list = await filteredAnswer(authorizer, upstream.server, original, answer)
    if (list === null) return deny(response, refusal(502))
    const body = Buffer.from(list)
    const kept = back.filter(([name]) => name.toLowerCase() !== "content-length")
    return void response.writeHead(200, [...kept, ["content-length", String(body.length)]].flat()).end(body)
  }
  response.writeHead(answer.statusCode ?? 502, back.flat())
  // An event stream may be silent for long: its client waits for the headers.
  response.flushHeaders()
  await pipeline(answer, response)
}

const isFramed = ({ headers }: IncomingMessage): boolean =>
  headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) !== 0

/** `body` absent: it has not been read yet, and is streamed. */
function forward(
  { protocol, host, path }: Located,
  headers: readonly Pair[],
  request: IncomingMessage,
  response: ServerResponse,
  body: Uint8Array | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(`${protocol}//${host}`)
    const { method } = request
    const send = protocol === "https:" ? sendSecure : sendPlain
    const outgoing = send({ hostname, port, method, path, headers: headers.flat(), agent: false })
    outgoing.once("response", resolve).on("error", reject)
    // If the client disconnects, the stream ends at the upstream too.
    response.once("close", () => outgoing.destroy())
    if (body === undefined) request.pipe(outgoing)
    else outgoing.end(body)
  })
}

interface Located {
  /** `http:` or `https:`. */
  readonly protocol: string
  readonly host: string
  /**
   * Path and query as the client sent them, below the upstream's own path: the authorized request is the forwarded one.
   */
  readonly path: string
  readonly server: string | undefined
}

function locate(routes: readonly GatewayRoute[], target: string): Located | undefined {
  const [path = ""] = target.split("?", 1)
  const route = routes
    .filter(({ prefix }) => path === prefix || path.startsWith(`${prefix}/`))
    .toSorted((a, b) => b.prefix.length - a.prefix.length)[0]
  if (route === undefined) return undefined
  const { protocol, host, pathname } = new URL(route.upstream)
  const rest = target.slice(route.prefix.length)
  // A slash at the end of the upstream's own path counts only if nothing follows it.
  const below = rest.startsWith("/") ? pathname.replace(/\/$/, "") : pathname
  return { protocol, host, path: below + rest, server: route.server }
}

/** Undefined if it is longer than an authorizer may be sent. */
async function wholeBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  // Left open if the body is too long: the connection still has to carry the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    length += chunk.length
    if (length > MAX_BODY_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, length)
}

function deny(response: ServerResponse, { status, headers, body }: Refusal): void {
  response.writeHead(status, [...headers, ["content-length", String(body.length)]].flat()).end(body)
}

function noted(verdict: Verdict, method: string, target: string, requestId: string): GatewayDecision {
  const { allowed } = verdict
  const headers = allowed ? verdict.stated : verdict.headers
  return {
    method,
    target,
    allowed,
    requestId,
    status: allowed ? 200 : verdict.status,
    code: (allowed ? undefined : first(headers, "x-narrowgate-code")) ?? "",
    decision: first(headers, "x-narrowgate-decision") ?? "",
  }
}
