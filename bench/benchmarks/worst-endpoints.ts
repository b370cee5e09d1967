/** Requests of every endpoint, each with a JSON value where its caller says most; and those that carry no body. */
import { SignJWT } from "jose"
import { ORIGIN } from "../servers/identities.ts"
import type { Narrowgate, Task } from "../servers/narrowgate.ts"
import {
  AUTHZEN_KEY,
  EVENTS_AUDIENCE,
  EVENTS_ISSUER,
  MANY_LISTED,
  QUERY_KEY,
  WORST_MCP_PATH,
  WORST_PATH,
  WORST_SERVER,
  type WorstKeys,
} from "../servers/worst.ts"
import { policyPath } from "../servers/worst-policies.ts"
import { OTHER_BODIES } from "./worst-values.ts"

export interface Sent {
  readonly method?: "GET" | "POST"
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** Makes a request of a JSON value. */
export type Endpoint = (value: string) => Sent

const JSON_TYPE = { "content-type": "application/json" }
const FORM_TYPE = { "content-type": "application/x-www-form-urlencoded" }
const SUBJECT = '"subject":{"type":"agent","id":"spiffe://bench.example/agent/desk"}'
const EXCHANGE = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"

const access = (key: string) => ({ ...JSON_TYPE, authorization: `Bearer ${key}` })
const question = (value: string): string =>
  `${SUBJECT},"action":{"name":"read"},"resource":{"type":"Tool","id":"plain.post","properties":{"to":${value}}}`

/** Those that read a value of any size. */
export function endpointsOf(
  { gatewayKey }: Narrowgate,
  { token }: Task,
  operator: string,
): Readonly<Record<string, Endpoint>> {
  const bearer = { authorization: `Bearer ${token}` }
  const forwarded = (uri: string) => ({
    ...JSON_TYPE,
    ...bearer,
    "x-narrowgate-key": gatewayKey,
    "x-forwarded-method": "POST",
    "x-forwarded-uri": uri,
  })
  const managing = { ...JSON_TYPE, authorization: `Bearer ${operator}` }
  const message = (value: string): string =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"to":${value}}}}`
  const call = (value: string): string =>
    `${SUBJECT},"action":{"name":"POST"},"resource":{"type":"uri","id":"${ORIGIN}${WORST_PATH}"},` +
    `"context":{"authorization":"Bearer ${token}","headers":{"Content-Type":"application/json"},"body":${JSON.stringify(`{"to":${value}}`)}}`
  const toolCall = (value: string): string =>
    `${SUBJECT},"action":{"name":"tools/call"},"resource":{"type":"tool","id":"${WORST_SERVER}.pay",` +
    `"properties":{"arguments":{"to":${value}}}},"context":{"authorization":"Bearer ${token}"}`
  return {
    route: (value) => ({ path: "/authz/forward", headers: forwarded(WORST_PATH), body: `{"to":${value}}` }),
    "route, many arguments": (value) => ({ path: "/authz/forward", headers: forwarded(WORST_PATH), body: value }),
    "route, no credential": (value) => {
      const { authorization: _, ...headers } = forwarded(WORST_PATH)
      return { path: "/authz/forward", headers, body: value }
    },
    MCP: (value) => ({ path: "/authz/forward", headers: forwarded(WORST_MCP_PATH), body: message(value) }),
    "MCP, many arguments": (value) => ({
      path: "/authz/forward",
      headers: forwarded(WORST_MCP_PATH),
      body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":${value}}}`,
    }),
    list: (value) => ({
      path: "/v1/tools/filter",
      headers: { ...JSON_TYPE, ...bearer, "x-narrowgate-filter-key": gatewayKey, "x-narrowgate-server": WORST_SERVER },
      body: `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"pay","inputSchema":${value}}]}}`,
    }),
    token: (value) => ({
      path: "/oauth/token",
      headers: FORM_TYPE,
      body: `${EXCHANGE}&authorization_details=${encodeURIComponent(`[{"type":"narrowgate_call","arguments":${value}}]`)}`,
    }),
    query: (value) => ({ path: "/access/v1/evaluation", headers: access(QUERY_KEY), body: `{${question(value)}}` }),
    queries: (value) => ({
      path: "/access/v1/evaluations",
      headers: access(QUERY_KEY),
      body: `{${question(value)},"evaluations":[${Array.from({ length: 100 }, () => "{}").join()}]}`,
    }),
    search: (value) => ({
      path: "/access/v1/search/resource",
      headers: access(QUERY_KEY),
      body: `{${question(value)}}`,
    }),
    evaluation: (value) => ({ path: "/access/v1/evaluation", headers: access(AUTHZEN_KEY), body: `{${call(value)}}` }),
    evaluations: (value) => ({
      path: "/access/v1/evaluations",
      headers: access(AUTHZEN_KEY),
      body: `{${call(value)},"evaluations":[${Array.from({ length: 10 }, () => "{}").join()}]}`,
    }),
    "evaluation of a tool": (value) => ({
      path: "/access/v1/evaluation",
      headers: access(AUTHZEN_KEY),
      body: `{${toolCall(value)}}`,
    }),
    events: (value) => ({
      path: "/v1/events",
      headers: { "content-type": "application/secevent+jwt" },
      body: `${Buffer.from(value).toString("base64url")}.${Buffer.from(value).toString("base64url")}.AAAA`,
    }),
    "explanation, as an operator": (value) => ({
      path: "/v1/explanations",
      headers: managing,
      body: `{"call":{"agent":"spiffe://bench.example/agent/desk","tool":"plain.post","arguments":{"to":${value}}}}`,
    }),
    "revocation, as an operator": (value) => ({
      path: "/v1/revocations",
      headers: managing,
      body: `{"task":${value}}`,
    }),
    publication: (value) => ({ path: "/v1/bundles", headers: JSON_TYPE, body: value }),
  }
}

/** A call of the tool of a policy. */
export const ofPolicy = ({ gatewayKey }: Narrowgate, { token }: Task, policy: string, value: string): Sent => ({
  path: "/authz/forward",
  headers: {
    ...JSON_TYPE,
    authorization: `Bearer ${token}`,
    "x-narrowgate-key": gatewayKey,
    "x-forwarded-method": "POST",
    "x-forwarded-uri": policyPath(policy),
  },
  body: `{"to":${value}}`,
})

/** Above this they refuse a body that they have not read. */
export const MOST_OF: Readonly<Record<string, number>> = {
  token: 65_536,
  query: 262_144,
  queries: 262_144,
  search: 262_144,
  events: 65_536,
  "explanation, as an operator": 65_536,
  "revocation, as an operator": 65_536,
}

/** What they cost hangs on something else than a JSON value. */
export async function othersOf(
  { gatewayKey, identities }: Narrowgate,
  { token }: Task,
  operator: string,
  keys: WorstKeys,
): Promise<Readonly<Record<string, Sent>>> {
  const credentials = new URLSearchParams({
    subject_token: await identities.idToken("others"),
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
    client_assertion: await identities.svid(),
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
  })
  const form = (path: string, body: string): Sent => ({ path, headers: FORM_TYPE, body })
  const exchange = (asked: Readonly<Record<string, string>>): Sent =>
    form("/oauth/token", `${EXCHANGE}&${credentials}&${new URLSearchParams(asked)}`)
  const names = Array.from({ length: 65_536 >> 2 }, (_, at) => `${at.toString(36)}=1`).join("&")
  const scopes = Array.from({ length: 256 }, (_, at) => `${WORST_SERVER}.tool-${at}:write`)
  const details = (tools: readonly string[], bounds: object): string =>
    JSON.stringify([{ type: "narrowgate_call", tools, actions: ["write"], arguments: bounds }])
  const bounds = Object.fromEntries(
    Array.from({ length: 32 }, (_, at) => [`argument-${at}`, { in: Array.from({ length: 20 }, (_, n) => n) }]),
  )
  const long = "a".repeat(60_000)
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`x-header-${at}`, "b".repeat(80)]))
  const question = {
    "x-narrowgate-key": gatewayKey,
    "x-forwarded-method": "GET",
    "x-forwarded-uri": "/crm/tickets",
    authorization: `Bearer ${token}`,
  }
  const get = (path: string, headers: Readonly<Record<string, string>>): Sent => ({ method: "GET", path, headers })
  const tools = (schema: string): string =>
    Array.from(
      { length: MANY_LISTED },
      (_, at) => `{"name":"tool-${at}","description":"${"d".repeat(700)}","inputSchema":${schema}}`,
    ).join()
  const searching = (members: number): string => {
    const properties = Array.from({ length: members }, (_, at) => `"p${at}":"${"x".repeat(900)}"`).join()
    return `{"subject":{"type":"Agent","id":"spiffe://bench.example/agent/desk"},"action":{"name":"write"},"resource":{"type":"Tool","properties":{${properties}}}}`
  }
  const groups = Array.from({ length: 256 }, (_, at) => `"g${at}"`).join()
  const asUser = `"subject":{"type":"User","id":"x|a","properties":{"groups":[${groups}]}},"action":{"name":"write"}`
  const upstream = (type: string, body: string, uri = WORST_PATH): Sent => ({
    path: "/authz/forward",
    headers: { ...question, "x-forwarded-method": "POST", "x-forwarded-uri": uri, "content-type": type },
    body,
  })
  const other = Object.entries(OTHER_BODIES).map(
    ([name, [type, body]]) => [`call, ${name}`, upstream(type, body())] as const,
  )
  const described = (type: string): string =>
    `{${SUBJECT},"action":{"name":"POST"},"resource":{"type":"uri","id":"${ORIGIN}${WORST_PATH}"},` +
    `"context":{"authorization":"Bearer ${token}","headers":{"Content-Type":"${type}"},"body":"a=b"}}`
  return {
    ...Object.fromEntries(other),
    "call, a long Content-Type": {
      path: "/access/v1/evaluation",
      headers: access(AUTHZEN_KEY),
      body: described(`application/x-www-form-urlencoded; ${"charset".repeat(100_000 / 7)}`),
    },
    "call, a segment of dots": upstream(JSON_TYPE["content-type"], "{}", `${WORST_PATH}/${".".repeat(8_000)}x`),
    "token, many parameters": form("/oauth/token", names),
    "token, many unknown scopes": form("/oauth/token", `${EXCHANGE}&scope=${"a.b.*:read+".repeat(65_000 / 11)}`),
    "token, one scope of an agent": exchange({ scope: "plain.*:write" }),
    "token, 256 scopes of an agent": exchange({ scope: scopes.join(" ") }),
    "token, scope of all tools": exchange({ scope: `${WORST_SERVER}.*:write` }),
    "token, authorization_details of an agent": exchange({ authorization_details: details([`${WORST_SERVER}.*`], {}) }),
    "token, authorization_details with bounds": exchange({
      authorization_details: details(
        scopes.slice(0, 20).map((scope) => scope.replace(":write", "")),
        bounds,
      ),
    }),
    introspection: form("/oauth/introspect", `${credentials}&token=${long}`),
    revocation: form("/oauth/revoke", `${credentials}&token=${long}`),
    authorization: get(`/oauth/authorize?client_id=x&scope=${"a.b.*:read+".repeat(700)}`, {}),
    "console form, many fields": {
      path: "/console/stop",
      headers: { ...FORM_TYPE, origin: "https://authz.example", cookie: `__Host-session=${"A".repeat(43)}` },
      body: names,
    },
    "events of a stream": {
      path: "/v1/events",
      headers: { "content-type": "application/secevent+jwt" },
      body: await signedEvents(keys),
    },
    "list of many tools": {
      path: "/v1/tools/filter",
      headers: {
        ...JSON_TYPE,
        authorization: `Bearer ${token}`,
        "x-narrowgate-filter-key": gatewayKey,
        "x-narrowgate-server": WORST_SERVER,
      },
      body: `{"jsonrpc":"2.0","id":1,"result":{"tools":[${tools('{"type":"object"}')}]}}`,
    },
    "list, as many keys in other letters": {
      path: "/v1/tools/filter",
      headers: {
        ...JSON_TYPE,
        authorization: `Bearer ${token}`,
        "x-narrowgate-filter-key": gatewayKey,
        "x-narrowgate-server": WORST_SERVER,
      },
      body: `{"jsonrpc":"2.0","id":1,"result":{"tools":[${Array.from(
        { length: 190 },
        (_, at) =>
          `{"name":"tool-${at}","inputSchema":{${Array.from({ length: 100 }, (_, key) => `"${"ſ".repeat(22)}${key}":1`).join()}}}`,
      ).join()}]}}`,
    },
    "search among many tools": {
      path: "/access/v1/search/resource",
      headers: access(QUERY_KEY),
      body: searching(0),
    },
    "search for a user of many groups": {
      path: "/access/v1/search/resource",
      headers: access(QUERY_KEY),
      body: `{${asUser},"resource":{"type":"Tool"},"page":{"limit":1000}}`,
    },
    "queries about a user of many groups": {
      path: "/access/v1/evaluations",
      headers: access(QUERY_KEY),
      body: `{${asUser},"resource":{"type":"Tool","id":"plain.post"},"evaluations":[${Array.from({ length: 100 }, () => "{}").join()}]}`,
    },
    "search with many properties": {
      path: "/access/v1/search/resource",
      headers: access(QUERY_KEY),
      body: searching(256),
    },
    "call, a long Authorization": get("/authz/forward", { ...question, authorization: `Bearer ${long}` }),
    "call, a long DPoP": get("/authz/forward", { ...question, dpop: long }),
    "call, a long Cookie": get("/authz/forward", { ...question, cookie: long }),
    "call, a long X-Forwarded-Uri": get("/authz/forward", { ...question, "x-forwarded-uri": `/crm/tickets?${long}` }),
    "call, many parts of a query": get("/authz/forward", {
      ...question,
      "x-forwarded-uri": `/crm/tickets?${names.slice(0, 8_000)}`,
    }),
    "call, many headers": get("/authz/forward", { ...question, ...many }),
    "console, a long Cookie": get("/console/stop", { cookie: `__Host-session=${long}; ${"a=b; ".repeat(200)}` }),
    "decisions, as an operator": get("/v1/decisions?limit=250", { authorization: `Bearer ${operator}` }),
    "a path without end": get(`/${"a/".repeat(4_000)}`, {}),
  }
}

/** The longest that is read: sixteen kinds of events about one person. */
function signedEvents({ transmitter }: WorstKeys): Promise<string> {
  const uri = "https://schemas.openid.net/secevent/caep/event-type/"
  const events = Object.fromEntries(
    ["session-revoked", "credential-change", "device-compliance-change"].map((name) => [
      uri + name,
      { change_type: "revoke", current_status: "not-compliant", reason_admin: { en: "x".repeat(3_000) } },
    ]),
  )
  const claims = { jti: crypto.randomUUID(), sub_id: { format: "iss_sub", iss: "https://idp.bench.example", sub: "z" } }
  return new SignJWT({ ...claims, events })
    .setProtectedHeader({ alg: "ES256", kid: "transmitter", typ: "secevent+jwt" })
    .setIssuedAt()
    .setIssuer(EVENTS_ISSUER)
    .setAudience(EVENTS_AUDIENCE)
    .sign(transmitter)
}
