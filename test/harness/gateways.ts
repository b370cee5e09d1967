/** Each make of gateway as it asks: one row a dialect, so that every case can go through all of them. */
import { exports } from "cloudflare:workers"
import { z } from "zod"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { DIALECT_NAMES, type DialectName } from "../../src/core/policy/definition/gateways.ts"
import { sha256Hex } from "../../src/core/encoding/hash.ts"
import { US } from "./issuers.ts"

export const ORIGIN = "https://api.test"
export const keyOf = (gateway: string): string => `key-of-${gateway}`

export function withGatewayKeys(body: BundleBody): BundleBody {
  return { ...body, gateways: body.gateways.map(keyed), queries: body.queries.map(keyed) }
}

function keyed<Asking extends { readonly id: string }>(asking: Asking): Asking & { readonly key_sha256: string[] } {
  return { ...asking, key_sha256: [sha256Hex(keyOf(asking.id))] }
}

/** A client's request, as the gateway received it. */
export interface ClientRequest {
  readonly method?: string
  /** Path and query, raw. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array<ArrayBuffer>
}

type Asking = (client: ClientRequest, key: string) => Request

/** What the client sent goes along, except for what the gateway overwrites. */
function asked(url: string, client: ClientRequest, method: string, own: Readonly<Record<string, string>>): Request {
  const headers = new Headers(client.headers)
  for (const [name, value] of Object.entries(own)) headers.set(name, value)
  const body = method === "GET" || method === "HEAD" ? null : (client.body ?? null)
  return new Request(url, { method, headers, body })
}

/** Those that ask over HTTP. */
export type HttpDialect = Exclude<DialectName, "worker">

/** Same method, same path behind its own. */
const likeEnvoy: Asking = (client, key) =>
  asked(`${US}/authz/envoy${client.path}`, client, client.method ?? "GET", {
    "X-Narrowgate-Key": key,
    "X-Narrowgate-Original-Path": client.path,
  })

/** Those that pass a body on do so by POST. */
const forwarding =
  (takes: "body" | "no body", keyed: "by path" | "by header" = "by header"): Asking =>
  (client, key) =>
    asked(
      `${US}/authz/forward${keyed === "by path" ? `/${key}` : ""}`,
      client,
      takes === "body" && client.body !== undefined ? "POST" : "GET",
      {
        ...(keyed === "by header" && { "X-Narrowgate-Key": key }),
        "X-Forwarded-Method": client.method ?? "GET",
        "X-Forwarded-Uri": client.path,
        "X-Forwarded-Host": "api.test",
      },
    )

export const ASKING: Readonly<Record<HttpDialect, Asking>> = {
  envoy: likeEnvoy,
  agentgateway: likeEnvoy,
  nginx: (client, key) =>
    asked(`${US}/authz/forward`, client, "GET", {
      "X-Narrowgate-Key": key,
      "X-Original-Method": client.method ?? "GET",
      "X-Original-URI": client.path,
    }),
  // Behind the client's own Host, whatever that is.
  "ingress-nginx": (client, key) =>
    asked(`${US}/authz/forward/${key}`, client, "GET", {
      "X-Original-Method": client.method ?? "GET",
      "X-Original-URL": `https://evil.test${client.path}`,
    }),
  traefik: forwarding("body"),
  // Its key is part of the address that it asks.
  caddy: forwarding("no body", "by path"),
  haproxy: forwarding("no body"),
  apache: forwarding("no body"),
  apisix: forwarding("body"),
  aws: forwarding("no body"),
  // Nothing but a document, with its key where the client has its token.
  authzen: (client, key) => {
    const { Authorization: authorization, DPoP: dpop, ...headers } = client.headers ?? {}
    const body = JSON.stringify({
      subject: subjectOf(authorization ?? ""),
      action: { name: client.method ?? "GET" },
      resource: { type: "uri", id: ORIGIN + client.path },
      context: { authorization, dpop, headers, ...(client.body !== undefined && { body: textOf(client.body) }) },
    })
    const own = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" }
    return new Request(`${US}/access/v1/evaluation`, { method: "POST", headers: own, body })
  },
  // Nothing but a document.
  kong: (client, key) => {
    const [path = "", query] = client.path.split("?", 2)
    const http = {
      host: "api.test",
      port: "443",
      scheme: "https",
      method: client.method ?? "GET",
      path,
      querystring: tableOf(query ?? ""),
      headers: tableOfHeaders(client.headers ?? {}),
      body: textOf(client.body ?? ""),
    }
    const body = JSON.stringify({ input: { request: { http }, client_ip: "203.0.113.7" } })
    return new Request(`${US}/authz/forward/${key}`, { method: "POST", body })
  },
}

const claims = z.object({ client_id: z.string() })

/** Whom a token is for; nobody, of what is none. */
export function subjectOf(authorization: string): { readonly type: string; readonly id: string } {
  const payload = /^\S+ [^.]+\.([^.,]+)\.[^.]+$/.exec(authorization)?.[1]
  if (payload === undefined) return { type: "agent", id: "nobody" }
  const text = new TextDecoder().decode(Uint8Array.fromBase64(payload, { alphabet: "base64url" }))
  return { type: "agent", id: claims.parse(JSON.parse(text)).client_id }
}

const textOf = (body: string | Uint8Array<ArrayBuffer>): string =>
  typeof body === "string" ? body : new TextDecoder().decode(body)

const tableOfHeaders = (headers: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

function tableOf(query: string): Record<string, string | true | readonly (string | true)[]> {
  const pairs = query === "" ? [] : query.split("&")
  const values = Map.groupBy(pairs, (pair) => decodeURIComponent(pair.split("=", 1)[0] ?? ""))
  const valueOf = (pair: string): string | true =>
    pair.includes("=") ? decodeURIComponent(pair.slice(pair.indexOf("=") + 1)) : true
  return Object.fromEntries(
    Array.from(values, ([name, all]) => {
      const told = all.map(valueOf)
      return [name, told.length === 1 && told[0] !== undefined ? told[0] : told]
    }),
  )
}

/** What becomes of a status on its way to the client, where not each one gets there. */
const only401And403 = (status: number): number => (status < 400 || status === 401 ? status : 403)
const CARRIED: Partial<Readonly<Record<HttpDialect, (status: number) => number>>> = {
  nginx: only401And403,
  "ingress-nginx": only401And403,
  aws: only401And403,
  envoy: (status) => (status < 500 ? status : 403),
  agentgateway: (status) => (status < 500 ? status : 403),
}

export function carried(dialect: HttpDialect, status: number): number {
  return CARRIED[dialect]?.(status) ?? status
}

/** All that ask over HTTP, each by a gateway of its name. */
export const HTTP_DIALECTS = DIALECT_NAMES.filter((dialect) => dialect !== "worker")

const DIALECT_OF: Readonly<Record<string, HttpDialect>> = {
  ...Object.fromEntries(HTTP_DIALECTS.map((dialect) => [dialect, dialect])),
  watch: "traefik",
  live: "traefik",
  twin: "caddy",
  elsewhere: "traefik",
  telling: "traefik",
  "telling-eddsa": "nginx",
  "telling-watch": "traefik",
}

const told = z.object({ error: z.string(), decision_id: z.string() })
/** In words of its own to a client of MCP. */
const refusalBody = z.union([
  told.extend({ error_description: z.string() }),
  z
    .object({ jsonrpc: z.literal("2.0"), error: z.object({ code: z.int(), message: z.string(), data: told }) })
    .transform(({ error: { data } }) => data),
  z
    .object({ jsonrpc: z.literal("2.0"), result: z.object({ _meta: z.object({ "narrowgate/denial": told }) }) })
    .transform(({ result }) => result._meta["narrowgate/denial"]),
])

export interface GatewayAnswer {
  readonly status: number
  /** `ok`, or the code in header and body. */
  readonly code: string
  readonly decision: string
  readonly headers: Headers
  readonly body: string
}

export async function askAs(gateway: string, client: ClientRequest): Promise<GatewayAnswer> {
  const dialect = DIALECT_OF[gateway]
  if (!dialect) throw new Error(`no gateway ${gateway}`)
  return readAnswer(await plain(dialect, await exports.default.fetch(ASKING[dialect](client, keyOf(gateway)))))
}

const result = z.object({
  result: z.object({
    allow: z.boolean(),
    status: z.number().default(200),
    headers: z.record(z.string(), z.string()),
    message: z.unknown().optional(),
  }),
})

const evaluated = z.object({
  decision: z.boolean(),
  context: z.object({
    decision_id: z.string(),
    headers: z.record(z.string(), z.string()),
    code: z.string().optional(),
    error_description: z.string().optional(),
    status: z.number().default(200),
  }),
})

/** What the gateway makes of a document; of the others' answers that is the answer. */
async function plain(dialect: HttpDialect, response: Response): Promise<Response> {
  if (dialect === "authzen" && response.status === 200) {
    const { decision, context } = evaluated.parse(await response.json())
    const { status, code: error, error_description, decision_id } = context
    if (decision !== (status === 200)) throw new Error(`it says ${decision}, and ${status}`)
    const headers = { "Cache-Control": response.headers.get("Cache-Control") ?? "", ...context.headers }
    return Response.json({ error, error_description, decision_id }, { status, headers })
  }
  if (dialect !== "kong" || response.status !== 200) return response
  const { status, headers, message, allow } = result.parse(await response.json()).result
  if (allow !== (status === 200)) throw new Error(`it says ${allow}, and ${status}`)
  return Response.json(message ?? null, { status, headers })
}

export async function readAnswer(response: Response): Promise<GatewayAnswer> {
  const { status, headers } = response
  const body = await response.text()
  const code = headers.get("X-Narrowgate-Code") ?? "ok"
  const decision = headers.get("X-Narrowgate-Decision") ?? ""
  // A denied notification has no body.
  if (code === "ok" || headers.get("X-Narrowgate-Status") === "202") return { status, code, decision, headers, body }
  const said = refusalBody.parse(JSON.parse(body))
  if (said.error !== code) throw new Error(`the body says ${said.error}, the header ${code}`)
  return { status, code, decision: said.decision_id, headers, body }
}

/** One call with a bearer token, through the gateway that passes everything on. */
export async function callWith(token: string, path: string, more: Partial<ClientRequest> = {}, gateway = "envoy") {
  const headers = { Authorization: `Bearer ${token}`, ...more.headers }
  return askAs(gateway, { path, ...more, headers })
}

/** How many of the answers have that code. */
export const countOf = (answers: readonly GatewayAnswer[], code: string): number =>
  answers.filter((answer) => answer.code === code).length
