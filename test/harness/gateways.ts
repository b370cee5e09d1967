/** Each make of gateway as it asks: one row a dialect, so that every case can go through all of them. */
import { exports } from "cloudflare:workers"
import { z } from "zod"
import type { BundleBody, DialectName, GatewayDefinition } from "../../src/policy/bundle.ts"
import { sha256Hex } from "../../src/hash.ts"
import { US } from "./issuers.ts"

export const ORIGIN = "https://api.test"
export const keyOf = (gateway: string): string => `key-of-${gateway}`

export function withGatewayKeys(body: BundleBody): BundleBody {
  const keyed = body.gateways.map((gateway): GatewayDefinition => ({
    ...gateway,
    key_sha256: [sha256Hex(keyOf(gateway.id))],
  }))
  return { ...body, gateways: keyed }
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
function question(url: string, method: string, client: ClientRequest, own: Readonly<Record<string, string>>): Request {
  const headers = new Headers(client.headers)
  for (const [name, value] of Object.entries(own)) headers.set(name, value)
  const body = method === "GET" || method === "HEAD" ? null : (client.body ?? null)
  return new Request(url, { method, headers, body })
}

/** Those that ask over HTTP. */
type HttpDialect = Exclude<DialectName, "worker">

export const ASKING: Readonly<Record<HttpDialect, Asking>> = {
  envoy: (client, key) =>
    question(`${US}/authz/envoy${client.path}`, client.method ?? "GET", client, {
      "X-Narrowgate-Key": key,
      "X-Narrowgate-Original-Path": client.path,
    }),
  nginx: (client, key) =>
    question(`${US}/authz/forward`, "GET", client, {
      "X-Narrowgate-Key": key,
      "X-Original-Method": client.method ?? "GET",
      "X-Original-URI": client.path,
    }),
  traefik: (client, key) =>
    question(`${US}/authz/forward`, client.body === undefined ? "GET" : "POST", client, {
      "X-Narrowgate-Key": key,
      "X-Forwarded-Method": client.method ?? "GET",
      "X-Forwarded-Uri": client.path,
      "X-Forwarded-Host": "api.test",
    }),
  // Its key is part of the address that it asks.
  caddy: (client, key) =>
    question(`${US}/authz/forward/${key}`, "GET", client, {
      "X-Forwarded-Method": client.method ?? "GET",
      "X-Forwarded-Uri": client.path,
      "X-Forwarded-Host": "api.test",
    }),
}

const DIALECT_OF: Readonly<Record<string, HttpDialect>> = {
  envoy: "envoy",
  nginx: "nginx",
  traefik: "traefik",
  caddy: "caddy",
  watch: "traefik",
  live: "traefik",
  twin: "caddy",
  elsewhere: "traefik",
  telling: "traefik",
  "telling-eddsa": "nginx",
  "telling-watch": "traefik",
}

const refusalBody = z.object({ error: z.string(), error_description: z.string(), decision_id: z.string() })

export interface GatewayAnswer {
  readonly status: number
  /** `ok`, or the code in header and body. */
  readonly code: string
  readonly decision: string
  readonly headers: Headers
}

export async function askAs(gateway: string, client: ClientRequest): Promise<GatewayAnswer> {
  const dialect = DIALECT_OF[gateway]
  if (!dialect) throw new Error(`no gateway ${gateway}`)
  return readAnswer(await exports.default.fetch(ASKING[dialect](client, keyOf(gateway))))
}

export async function readAnswer(response: Response): Promise<GatewayAnswer> {
  const { status, headers } = response
  const text = await response.text()
  const code = headers.get("X-Narrowgate-Code") ?? "ok"
  const decision = headers.get("X-Narrowgate-Decision") ?? ""
  if (code === "ok") return { status, code, decision, headers }
  const body = refusalBody.parse(JSON.parse(text))
  if (body.error !== code) throw new Error(`the body says ${body.error}, the header ${code}`)
  return { status, code, decision: body.decision_id, headers }
}

/** One call with a bearer token, through the gateway that passes everything on. */
export async function callWith(token: string, path: string, more: Partial<ClientRequest> = {}, gateway = "envoy") {
  const headers = { Authorization: `Bearer ${token}`, ...more.headers }
  return askAs(gateway, { path, ...more, headers })
}
