/** Which gateways the local stack stands in for, and what it says of those that it cannot. */
import { expect, it } from "vitest"
import { freePort } from "../../../dev/loopback.ts"
import { startOwnGateways, type OwnGatewaysOptions } from "../../../dev/own-gateways.ts"
import type { DialectName, GatewayDefinition } from "../../../src/core/policy/definition/gateways.ts"

const gateway = (id: string, dialect: DialectName, origins: readonly string[]): GatewayDefinition => ({
  id,
  dialect,
  key_sha256: [],
  origins,
  audience: "https://api.example",
  environment: "development",
  mode: "enforce",
  body: true,
  denials: "mcp",
})
const server = (origin: string, probe?: string) => ({
  name: "tickets",
  origin,
  path: "/tickets/mcp",
  enforces_headers: false,
  ...(probe !== undefined && { probe: { url: probe } }),
})
const route = (origin: string) => ({ tool: "crm.get", origin, methods: ["GET"], path: "/crm", integers: [] })

async function told(body: OwnGatewaysOptions["body"], upstream?: string): Promise<readonly string[]> {
  const narrowgate = "http://127.0.0.1:1"
  const { report: told, close } = await startOwnGateways({
    body,
    narrowgate,
    ...(upstream !== undefined && { upstream }),
  })
  await close()
  return told
}

it("stands before each server where its probe says, and before an API where a person says", async () => {
  const origin = `http://127.0.0.1:${await freePort()}`
  const gateways = [gateway("edge", "envoy", [origin, "https://api.example"])]
  const body = { gateways, servers: [server(origin, "http://127.0.0.1:3001/mcp")], routes: [route(origin)] }
  expect(await told(body, "https://crm.example/v2")).toEqual([
    `${origin}/tickets/mcp → http://127.0.0.1:3001/mcp (edge, envoy)`,
    `${origin} → https://crm.example/v2 (edge, envoy)`,
  ])
})

it("says what it does not know, and what it cannot be", async () => {
  const [one, other] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`]
  const secure = `https://localhost:${await freePort()}`
  const gateways = [gateway("edge", "envoy", [one, secure]), gateway("bound", "worker", [other])]
  const body = { gateways, servers: [server(one), server(secure, "http://127.0.0.1:3001/mcp")], routes: [] }
  expect(await told(body)).toEqual([
    "MCP server tickets: nothing says where it is; add a `probe`, or `--upstream URL`",
    `${secure}: nothing stands in for a gateway with TLS; start yours: narrowgate gateway config edge`,
    `${other}: nothing stands in for a gateway of dialect worker`,
  ])
})

it("two gateways of one origin are one: the first", async () => {
  const origin = `http://127.0.0.1:${await freePort()}`
  const gateways = [gateway("edge", "caddy", [origin]), gateway("forward", "traefik", [origin])]
  const body = { gateways, servers: [server(origin, "http://127.0.0.1:3001/mcp")], routes: [] }
  expect(await told(body)).toEqual([`${origin}/tickets/mcp → http://127.0.0.1:3001/mcp (edge, caddy)`])
})
