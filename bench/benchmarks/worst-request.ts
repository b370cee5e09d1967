/**
 * The dearest request that a caller can send to each endpoint that reads a body, whatever it is answered: the processor
 * time of the whole process, against that of reading 1 MiB of plain text.
 */
import { readFile } from "node:fs/promises"
import { guard, type Benchmark, type SideFigures } from "../benchmark.ts"
import type { Lab } from "../lab.ts"
import { startReadText } from "../servers/floor.ts"
import { ORIGIN } from "../servers/identities.ts"
import { startNarrowgate, type Narrowgate, type Task } from "../servers/narrowgate.ts"
import type { Workerd } from "../servers/workerd.ts"
import { addWorst, AUTHZEN_KEY, QUERY_KEY, WORST_MCP_PATH, WORST_PATH, WORST_SERVER } from "../servers/worst.ts"
import { SIZES, VALUES } from "./worst-values.ts"

/** Readings of 1 MiB of text that the dearest request may cost: some 30 ms where such a reading takes 1.25. */
const ALLOWANCE = 25
const LARGEST = SIZES.at(-1) ?? 0

interface Sent {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export const worstRequest: Benchmark = {
  name: "worst-request",
  question: `${ALLOWANCE} readings of 1 MiB of text, against the dearest request to any endpoint that reads a body`,
  unit: "ratio",
  target: 1,
  async run(lab) {
    await using narrowgate = await startNarrowgate(lab, null, addWorst)
    await using floor = await startReadText(lab)
    const task = await narrowgate.openTask("worst", `plain.*:write ${WORST_SERVER}.*:write ${WORST_SERVER}.*:read`)
    const text = { path: "/", headers: {}, body: "a".repeat(LARGEST) }
    const reading = await costOf(lab, floor, text)
    const costs: { readonly name: string; readonly cost: number }[] = []
    const endpoints = endpointsOf(narrowgate, task)
    guard((await statusOf(narrowgate.workerd, sentTo(endpoints["route"], "{}"))) === 200, "a plain call is allowed")
    for (const [endpoint, make] of Object.entries(endpoints)) {
      const isQuick = lab.pace.rounds <= 4
      for (const [value, valueOf] of Object.entries(VALUES)) {
        if (ONE_VALUE.has(endpoint) && value !== "plain text") continue
        const sizes = SIZES.filter((size) => size <= (MOST_OF[endpoint] ?? LARGEST))
        for (const size of isQuick ? sizes.slice(-1) : sizes) {
          const name = `${endpoint}, ${value}, ${size >> 10} KiB`
          lab.say(name)
          const cost = await costOf(lab, narrowgate.workerd, make(valueOf(size)))
          costs.push({ name, cost })
        }
      }
    }
    const dearest = costs.toSorted((a, b) => b.cost - a.cost)
    const [worst] = dearest
    guard(worst !== undefined, "there is a request")
    const sides = [...dearest.slice(0, SHOWN), { name: "1 MiB of text read", cost: reading }].map(figuresOf)
    return { value: (ALLOWANCE * reading) / worst.cost, sides }
  },
}
const SHOWN = 8

/** What of the value reaches these is how long it is. */
const ONE_VALUE: ReadonlySet<string> = new Set(["token, many scopes", "token, many parameters", "introspection"])
/** Above this they refuse a body that they have not read. */
const MOST_OF: Readonly<Record<string, number>> = {
  token: 65_536,
  "token, many scopes": 65_536,
  "token, many parameters": 65_536,
  introspection: 65_536,
  query: 262_144,
  queries: 262_144,
  search: 262_144,
  events: 65_536,
  management: 65_536,
}

const figuresOf = ({ name, cost }: { readonly name: string; readonly cost: number }): SideFigures => {
  const rate = 1000 / cost
  return { name, rate: { median: rate, least: rate, most: rate }, p50: cost }
}

/** Each makes a request of a JSON value, which stands where its caller says most. */
type Endpoint = (value: string) => Sent

function endpointsOf({ gatewayKey }: Narrowgate, { token }: Task): Readonly<Record<string, Endpoint>> {
  const json = { "content-type": "application/json" }
  const bearer = { authorization: `Bearer ${token}` }
  const forwarded = (uri: string) => ({
    ...json,
    ...bearer,
    "x-narrowgate-key": gatewayKey,
    "x-forwarded-method": "POST",
    "x-forwarded-uri": uri,
  })
  const message = (value: string): string =>
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":{"to":${value}}}}`
  const form = { "content-type": "application/x-www-form-urlencoded" }
  const access = (key: string) => ({ ...json, authorization: `Bearer ${key}` })
  const subject = '"subject":{"type":"agent","id":"spiffe://bench.example/agent/desk"}'
  const question = (value: string): string =>
    `${subject},"action":{"name":"read"},"resource":{"type":"Tool","id":"plain.post","properties":{"to":${value}}}`
  const call = (value: string): string =>
    `${subject},"action":{"name":"POST"},"resource":{"type":"uri","id":"${ORIGIN}${WORST_PATH}"},` +
    `"context":{"authorization":"Bearer ${token}","headers":{"Content-Type":"application/json"},"body":${JSON.stringify(`{"to":${value}}`)}}`
  const exchange = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
  return {
    route: (value) => ({ path: "/authz/forward", headers: forwarded(WORST_PATH), body: `{"to":${value}}` }),
    "route, many arguments": (value) => ({ path: "/authz/forward", headers: forwarded(WORST_PATH), body: value }),
    "route, no credential": (value) => {
      const { authorization: _, ...headers } = forwarded(WORST_PATH)
      return { path: "/authz/forward", headers, body: value }
    },
    MCP: (value) => ({ path: "/authz/forward", headers: forwarded(WORST_MCP_PATH), body: message(value) }),
    list: (value) => ({
      path: "/v1/tools/filter",
      headers: { ...json, ...bearer, "x-narrowgate-filter-key": gatewayKey, "x-narrowgate-server": WORST_SERVER },
      body: `{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"pay","inputSchema":${value}}]}}`,
    }),
    token: (value) => ({
      path: "/oauth/token",
      headers: form,
      body: `${exchange}&authorization_details=${encodeURIComponent(`[{"type":"narrowgate_call","arguments":${value}}]`)}`,
    }),
    "token, many scopes": (value) => ({
      path: "/oauth/token",
      headers: form,
      body: `${exchange}&scope=${"a.b.*:read+".repeat(Math.ceil(value.length / 11))}`,
    }),
    "token, many parameters": (value) => ({
      path: "/oauth/token",
      headers: form,
      body: Array.from({ length: value.length >> 2 }, (_, at) => `${at.toString(36)}=1`).join("&"),
    }),
    introspection: (value) => ({
      path: "/oauth/introspect",
      headers: form,
      body: `token=${encodeURIComponent(value)}`,
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
      body: `{${call(value)},"evaluations":[${Array.from({ length: 20 }, () => "{}").join()}]}`,
    }),
    events: (value) => ({
      path: "/v1/events",
      headers: { "content-type": "application/secevent+jwt" },
      body: `${Buffer.from(value).toString("base64url")}.${Buffer.from(value).toString("base64url")}.AAAA`,
    }),
    management: (value) => ({ path: "/v1/explanations", headers: { ...json, ...bearer }, body: `{"call":${value}}` }),
    publication: (value) => ({ path: "/v1/bundles", headers: json, body: value }),
  }
}

function sentTo(endpoint: Endpoint | undefined, value: string): Sent {
  if (!endpoint) throw new Error("there is no such endpoint")
  return endpoint(value)
}

async function statusOf({ port }: Workerd, { path, headers, body }: Sent): Promise<number> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method: "POST", headers, body })
    await response.arrayBuffer()
    return response.status
  } catch (error) {
    // One that is answered before all of it was sent loses its connection.
    if (error instanceof TypeError) return 0
    throw error
  }
}

/** Milliseconds of the processor for one, over as many as make the system's clock of processes exact. */
async function costOf({ pace }: Lab, server: Workerd, sent: Sent): Promise<number> {
  for (let warming = 0; warming < WARM_UP; warming++) await statusOf(server, sent)
  const least = pace.rounds > 4 ? LEAST_MS : LEAST_MS / 4
  const start = await processorTime(server)
  for (let requests = 1; ; requests++) {
    await statusOf(server, sent)
    if (requests % 4 !== 0) continue
    const spent = (await processorTime(server)) - start
    if (spent >= least || requests >= MOST) return spent / requests
  }
}
const WARM_UP = 1
const LEAST_MS = 200
const MOST = 24

/** User and system time, in milliseconds: the 14th and 15th field of proc_pid_stat(5), in ticks of 10 ms. */
async function processorTime({ pid }: Workerd): Promise<number> {
  const [, after = ""] = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")
  const fields = after.split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10
}
