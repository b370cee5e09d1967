/** A gateway of the policies that listens, before a developer's own service: an agent under test calls that. */
import { readFile } from "node:fs/promises"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { denialOf, openTask } from "../../client/index.ts"
import { freePort, listen, type Listening } from "../../dev/loopback.ts"
import { startNarrowgate, type RunningNarrowgate, type TestGateway, type TestTask } from "../../testing/index.ts"

const users = { alice: { groups: ["support"] }, olivia: { groups: ["operations"] } }

interface Received {
  readonly target: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
}

/** Answers every request, and a question for a list with two tools, of which the catalog has one. */
async function startService(): Promise<Listening & { readonly received: Received[] }> {
  const received: Received[] = []
  const tools = ["search", "unheard-of"].map((name) => ({ name, inputSchema: { type: "object" } }))
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    received.push({ target: request.url ?? "", headers: request.headers, body: await text(request) })
    response.writeHead(200, { "content-type": "application/json" })
    response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools } }))
  }
  const server = createServer((request, response) => void answer(request, response))
  return { ...(await listen(server, 0)), received }
}

let ng: RunningNarrowgate
let service: Awaited<ReturnType<typeof startService>>
beforeAll(async () => {
  ng = await startNarrowgate({ policies: "policies", users })
  service = await startService()
})
afterAll(async () => {
  await ng.stop()
  await service.close()
})

const post = async ({ url }: TestGateway, { token }: TestTask, path: string, body: object): Promise<Response> =>
  fetch(url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  })

test("passes on what is allowed, with who calls, and answers what is denied", async () => {
  await using gateway = await ng.gateway("edge", { upstream: service.origin })
  const task = await ng.task({ user: "alice", agent: "support", purpose: "answer-customer" })
  const send = async (to: string) => post(gateway, task, "/mail/messages?draft=no", { to, text: "hello" })
  expect((await send("bob@example.org")).status).toBe(200)
  const { target, headers, body } = service.received.at(-1) ?? { target: "", headers: {}, body: "" }
  expect([target, JSON.parse(body)]).toEqual(["/mail/messages?draft=no", { to: "bob@example.org", text: "hello" }])
  expect(headers).toMatchObject({ "x-narrowgate-task": task.id })
  expect(headers).not.toHaveProperty("authorization")

  const before = service.received.length
  const denied = await send("bob@elsewhere.example")
  expect([denied.status, service.received.length]).toEqual([403, before])
  expect((await fetch(`${gateway.url}/mail/messages`, { method: "POST" })).status).toBe(401)

  expect(gateway.calls().map(({ method, target, code }) => [method, target, code])).toEqual([
    ["POST", "/mail/messages?draft=no", null],
    ["POST", "/mail/messages?draft=no", "policy_denied"],
    ["POST", "/mail/messages", "missing_token"],
  ])
  expect(gateway.calls()[0]).toBeAllowed()
  expect(gateway.calls()[1]?.description).toMatch(/^Policy does not permit this call\./u)
  const records = await ng.records(task)
  expect(records.slice(1).map(({ id, gateway: by }) => [id, by])).toEqual(
    gateway
      .calls()
      .slice(0, 2)
      .map(({ id }) => [id, "edge"]),
  )
})

test("its answers state Narrowgate's time, by which a bound task makes its proofs", async () => {
  const port = await freePort()
  const moved = async (file: string) =>
    [file, (await readFile(join("policies", file), "utf8")).replaceAll("127.0.0.1:8080", `127.0.0.1:${port}`)] as const
  const files = Object.fromEntries(await Promise.all(["gateways.yaml", "catalog.yaml"].map(moved)))
  await using own = await startNarrowgate({ policies: "policies", users, files })
  await own.clock.advance("3 minutes")
  const gateway = await own.gateway("edge", { upstream: service.origin, port })
  await using task = await openTask({
    issuer: own.url,
    identity: async () => own.identity("support"),
    session: await own.session("alice"),
    purpose: "answer-customer",
    dpop: true,
  })
  const send = async (to: string) =>
    task.fetch(`${gateway.url}/mail/messages`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ to, text: "hello" }),
    })
  // The service's own answers have this machine's time.
  for (const to of ["bob@example.org", "bob@elsewhere.example", "bob@example.org", "bob@elsewhere.example"]) {
    const { status, headers } = await send(to)
    expect(status).toBe(to.endsWith("@example.org") ? 200 : 403)
    const ahead = Date.parse(headers.get("date") ?? "") - (await own.clock.now()).getTime()
    expect(Math.abs(ahead)).toBeLessThan(10_000)
  }
})

test("what waits there is approved by the call, by its URL, and by what the agent has of it", async () => {
  const gateway = await ng.gateway("edge", { upstream: service.origin })
  const task = await ng.task({ user: "alice", agent: "support", purpose: "refund-order" })
  const params = { name: "refund", arguments: { order: "o-1", amount: 12_000 } }
  const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params }
  const refund = async () => post(gateway, task, "/billing/mcp", message)
  const ways = [
    async () => gateway.calls().at(-1),
    async (denied: Response) => /https?:[^"]+\/console\/approvals\/[^"]+/u.exec(await denied.text())?.[0],
    async (denied: Response) => denialOf(denied),
  ]
  for (const way of ways) {
    const denied = await refund()
    expect(denied.headers.get("x-narrowgate-code")).toBe("approval_required")
    const waiting = await way(denied)
    if (waiting === undefined) throw new Error("nothing waits")
    await ng.approve(waiting, { as: "olivia" })
    expect((await refund()).headers.get("x-narrowgate-code")).toBeNull()
  }
  await expect(ng.approve(gateway.url, { as: "olivia" })).rejects.toMatchObject({ code: "approval_refused" })
})

test("stands before MCP servers alone", async () => {
  await using gateway = await ng.gateway("edge", { servers: { billing: `${service.origin}/elsewhere` } })
  const task = await ng.task({ user: "alice", agent: "support", purpose: "refund-order" })
  const headers = { authorization: `Bearer ${task.token}`, "content-type": "application/json" }
  const params = { name: "refund", arguments: { order: "o-1", amount: 5 } }
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params })
  const called = await fetch(`${gateway.url}/billing/mcp`, { method: "POST", headers, body })
  expect([called.status, gateway.calls().at(-1)?.allowed]).toEqual([200, true])
  expect((await fetch(`${gateway.url}/crm/tickets`, { headers })).status).toBe(404)
})

test("says what it cannot stand for", async () => {
  const upstream = service.origin
  await expect(ng.gateway("edge", {})).rejects.toThrow("give `upstream`, or `servers`")
  await expect(ng.gateway("edgy", { upstream })).rejects.toThrow("Did you mean `edge`?")
  const origin = "http://127.0.0.1:8081"
  await expect(ng.gateway("edge", { upstream, origin })).rejects.toMatchObject({ code: "unknown_name" })
  await expect(ng.gateway("edge", { upstream, servers: { desk: upstream } })).rejects.toThrow("no MCP server `desk`")
  await expect(ng.gateway("edge", { upstream, ...Object({ ports: 1 }) })).rejects.toThrow("Did you mean `port`?")
  for (const wrong of ["localhost:3000", "/mail"])
    await expect(ng.gateway("edge", { upstream: wrong })).rejects.toMatchObject({ code: "invalid_argument" })
})

describe("of the policies of the yard", () => {
  let yard: RunningNarrowgate
  beforeAll(async () => {
    const gateways = await readFile("test/harness/yard/gateways.yaml", "utf8")
    // As `twin`, of other makes.
    const twin = (dialect: string, body: boolean) =>
      `  - { id: ${dialect}-twin, dialect: ${dialect}, origins: ["https://other.test", "https://api.test"], audience: "https://api.test/", environment: test, body: ${body} }\n`
    const twins = twin("envoy", true) + twin("nginx", false)
    yard = await startNarrowgate({
      policies: "test/harness/yard",
      files: { "gateways.yaml": gateways.replace("gateways:\n", `gateways:\n${twins}`) },
      users: { alice: { groups: ["staff"] } },
    })
  })
  afterAll(async () => yard.stop())

  test.each([
    ["envoy", "https://api.test"],
    ["nginx", "https://api.test"],
    ["traefik", "https://api.test"],
    ["caddy", "https://api.test"],
    // They have two.
    ["twin", "https://api.test"],
    ["envoy-twin", "https://api.test"],
    ["nginx-twin", "https://api.test"],
  ])("%s is asked about its own origin, whatever the port", async (id, origin) => {
    await using gateway = await yard.gateway(id, { upstream: service.origin, origin })
    const { token } = await yard.task({ user: "alice", agent: "first", purpose: "work" })
    const get = async (path: string) => fetch(gateway.url + path, { headers: { authorization: `Bearer ${token}` } })
    expect((await get("/files/a")).status).toBe(200)
    expect((await get("/forbidden")).status).toBe(403)
    expect(gateway.calls().map(({ code }) => code)).toEqual([null, "policy_denied"])
  })

  test("cuts an MCP server's list down to what the agent may call, wherever the server is", async () => {
    const servers = { desk: `${service.origin}/its/own/mcp` }
    await using gateway = await yard.gateway("envoy", { upstream: "http://127.0.0.1:9", servers })
    const task = await yard.task({ user: "alice", agent: "first", purpose: "work" })
    const answer = await post(gateway, task, "/desk/mcp", { jsonrpc: "2.0", id: 1, method: "tools/list" })
    expect(service.received.at(-1)?.target).toBe("/its/own/mcp")
    expect(await answer.json()).toMatchObject({ result: { tools: [{ name: "search" }] } })
  })

  test("one of another make is not replaced in silence", async () => {
    await expect(yard.gateway("kong", { upstream: service.origin })).rejects.toThrow("dialect kong")
  })
})

test("it ends with Narrowgate", async () => {
  const ending = await startNarrowgate({ policies: "policies", users })
  const { url } = await ending.gateway("edge", { upstream: service.origin })
  expect((await fetch(url)).status).toBe(401)
  await ending.stop()
  await expect(fetch(url)).rejects.toThrow("fetch failed")
  await expect(ending.gateway("edge", { upstream: service.origin })).rejects.toMatchObject({ code: "stopped" })
})
