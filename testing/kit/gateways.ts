/** Asks as each make of gateway asks, and reads the answer as its client gets it. */
import type { DialectName, GatewayDefinition } from "../../src/core/policy/definition/gateways.ts"
import { isObject } from "../../src/core/encoding/json.ts"
import { decodeJwt } from "jose"
import { NarrowgateTestError } from "./error.ts"
import type { AgentRequest } from "./requests.ts"
import type { HttpResponse } from "../types.ts"
import type { GatewayResponse, TestKitBinding } from "./setup.ts"

export type Gateway = Pick<GatewayDefinition, "id" | "dialect" | "body" | "request_id_header" | "asserts">

interface GatewayContext {
  readonly key: string
  readonly gateway: Gateway
  /** Headers that the gateway sets itself: it removes the client's of the same names. */
  readonly own: Readonly<Record<string, string>>
}

type Ask = (request: AgentRequest, context: GatewayContext, endpoint: AuthorizerEndpoint) => Promise<GatewayResponse>

interface AuthorizerEndpoint extends Pick<TestKitBinding, "fetch" | "authorize"> {
  readonly url: string
}

const KEY = "x-narrowgate-key"

const bodyOf = ({ body }: AgentRequest, { gateway }: GatewayContext): string | null => (gateway.body ? body : null)
const hostOf = ({ origin }: AgentRequest): string => new URL(origin).host

const likeEnvoy: Ask = async (request, context, { url, fetch }) => {
  const { method, target } = request
  const headers = { ...request.headers, ...context.own, [KEY]: context.key, "x-narrowgate-original-path": target }
  const body = bodyOf(request, context)
  return read(
    await fetch(`${url}/authz/envoy${target}`, { method, headers, ...(body !== null && { body }), redirect: "manual" }),
  )
}

/** By the headers that the make sets. Those that pass a body on do so by POST. */
const forwarding =
  (describe: (request: AgentRequest) => Readonly<Record<string, string>>): Ask =>
  async (request, context, { url, fetch }) => {
    const headers = { ...request.headers, ...context.own, [KEY]: context.key, ...describe(request) }
    const body = bodyOf(request, context)
    const init = body === null ? { method: "GET" } : { method: "POST", body }
    return read(await fetch(`${url}/authz/forward`, { ...init, headers, redirect: "manual" }))
  }

const forwarded = forwarding((request) => ({
  "x-forwarded-method": request.method,
  "x-forwarded-uri": request.target,
  "x-forwarded-host": hostOf(request),
}))

const nginx = forwarding((request) => ({
  "x-original-method": request.method,
  "x-original-uri": request.target,
  "x-original-host": hostOf(request),
}))

const ingressNginx = forwarding((request) => ({
  "x-original-method": request.method,
  "x-original-url": request.origin + request.target,
}))

const kong: Ask = async (request, context, { url, fetch }) => {
  const [path = "", query = ""] = request.target.split("?", 2)
  const querystring: Record<string, string[]> = {}
  for (const [name, value] of new URLSearchParams(query)) (querystring[name] ??= []).push(value)
  const { method, headers } = request
  const http = { method, host: hostOf(request), path, querystring, headers, body: bodyOf(request, context) ?? "" }
  const response = await read(
    await fetch(`${url}/authz/forward/${context.key}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ input: { request: { http } } }),
    }),
  )
  const document = objectIn(JSON.parse(response.body))
  const result = objectIn(document["result"])
  const status = result["allow"] === true ? 200 : Number(result["status"])
  return { status, headers: textsIn(result["headers"]), body: JSON.stringify(result["message"] ?? null) }
}

const authzen: Ask = async (request, context, { url, fetch }) => {
  const { authorization, dpop, ...headers } = request.headers
  const token = /^\S+ (\S+)$/u.exec(authorization ?? "")?.[1] ?? ""
  const body = bodyOf(request, context)
  const evaluation = {
    subject: { type: "agent", id: String(decodeJwt(token)["client_id"]) },
    action: { name: request.method },
    resource: { type: "uri", id: request.origin + request.target },
    context: { authorization, dpop, headers, ...(body !== null && { body }) },
  }
  const response = await read(
    await fetch(`${url}/access/v1/evaluation`, {
      method: "POST",
      headers: { ...context.own, authorization: `Bearer ${context.key}`, "content-type": "application/json" },
      body: JSON.stringify(evaluation),
    }),
  )
  const evaluated = objectIn(JSON.parse(response.body))
  const reason = objectIn(evaluated["context"])
  const { code, decision_id } = reason
  return {
    status: evaluated["decision"] === true ? 200 : Number(reason["status"] ?? 403),
    headers: {
      ...textsIn(reason["headers"]),
      ...(typeof decision_id === "string" && { "x-narrowgate-decision": decision_id }),
      ...(typeof code === "string" && { "x-narrowgate-code": code }),
    },
    body: JSON.stringify({ error: code, ...reason }),
  }
}

const worker: Ask = async ({ method, origin, target, headers, body }, { key }, { authorize }) =>
  authorize({ key, method, url: origin + target, headers, body })

const ASK: Readonly<Record<DialectName, Ask>> = {
  envoy: likeEnvoy,
  agentgateway: likeEnvoy,
  nginx,
  "ingress-nginx": ingressNginx,
  traefik: forwarded,
  caddy: forwarded,
  haproxy: forwarded,
  apache: forwarded,
  apisix: forwarded,
  kong,
  aws: forwarded,
  authzen,
  worker,
}

/** What the gateway knows of the client, if it asserts that. */
export interface ClientFacts {
  readonly country?: string
  readonly ip?: string
}

export async function askAs(
  gateway: Gateway,
  key: string,
  request: AgentRequest,
  { country, ip }: ClientFacts,
  endpoint: AuthorizerEndpoint,
): Promise<GatewayResponse> {
  const { asserts = {}, request_id_header: id } = gateway
  const own = Object.fromEntries([
    ...asserted(gateway, "country", asserts.country, country),
    ...asserted(gateway, "IP address", asserts.client_ip, ip),
    ...(id === undefined ? [] : [[id.toLowerCase(), crypto.randomUUID()] as const]),
  ])
  return ASK[gateway.dialect](request, { key, gateway, own }, endpoint)
}

function asserted({ id }: Gateway, what: string, header: string | undefined, value: string | undefined) {
  if (value === undefined) return []
  if (header !== undefined) return [[header.toLowerCase(), value] as const]
  throw new NarrowgateTestError(
    "invalid_argument",
    `the gateway \`${id}\` asserts no ${what} of its clients (gateways.yaml, \`asserts\`)`,
  )
}

async function read(response: HttpResponse): Promise<GatewayResponse> {
  const headers: Record<string, string> = {}
  response.headers.forEach((value, name) => void (headers[name] = value))
  return { status: response.status, headers, body: await response.text() }
}

export function objectIn(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {}
}

function textsIn(value: unknown): Record<string, string> {
  return Object.fromEntries(Object.entries(objectIn(value)).map(([name, text]) => [name.toLowerCase(), String(text)]))
}
