import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { z } from "zod"
import { startGateway } from "../../../dev/gateway.ts"
import type { Listening } from "../../../dev/loopback.ts"
import { nginxPath, startNginx } from "../../../dev/nginx.ts"
import { type Api, type Desk, type Upstream, startApi, startDesk, startEverything } from "../../../dev/upstreams.ts"
import { ALLOW, type Question, type StubAuthorizer, startStub, values } from "./stub-authorizer.ts"

const TOKEN = { requestInit: { headers: { authorization: "Bearer delegation-token" } } }

let everything: Upstream
let desk: Desk
let authorizer: StubAuthorizer
beforeAll(async () => {
  everything = await startEverything({ port: 0 })
  desk = await startDesk({ port: 0 })
})
afterAll(async () => {
  await everything.close()
  await desk.close()
})

let gateway: Listening
beforeEach(async () => {
  authorizer = await startStub(() => ALLOW)
})
afterEach(async () => {
  await gateway.close()
  await authorizer.close()
})

const DIALECTS = ["envoy", "nginx", "real nginx"] as const

async function front(dialect: (typeof DIALECTS)[number]): Promise<void> {
  const routes = [
    { prefix: "/everything", upstream: everything.url },
    { prefix: "/desk", upstream: desk.url },
  ]
  const asked = { origin: authorizer.origin, key: "key" }
  gateway =
    dialect === "real nginx"
      ? await startNginx({ port: 0, authorizer: asked, routes })
      : await startGateway({ port: 0, authorizer: { ...asked, dialect }, routes })
}

const RpcBody = z.object({ method: z.string() })

/** What the client sent, in a form to compare: `POST tools/call`, or `GET` where there is no body. */
function spoken({ method, body }: Question): string {
  return body === "" ? method : `${method} ${RpcBody.parse(JSON.parse(body)).method}`
}

const HERE = DIALECTS.filter((dialect) => dialect !== "real nginx" || nginxPath() !== null)

describe.each(HERE)("through the %s gateway", (dialect) => {
  test("the v1 client works with server-everything, whose environment is empty", async () => {
    await front(dialect)
    const client = new OldClient({ name: "test", version: "1" })
    const transport = new OldTransport(new URL("/everything", gateway.origin), TOKEN)
    await client.connect(transport)
    const echoed = await client.callTool({ name: "echo", arguments: { message: "hello" } })
    expect(echoed.content).toEqual([{ type: "text", text: "Echo: hello" }])
    const environment = await client.callTool({ name: "get-env", arguments: {} })
    const [content] = z.array(z.object({ text: z.string() })).parse(environment.content)
    expect(Object.keys(JSON.parse(content?.text ?? ""))).toEqual(["PORT"])
    await transport.terminateSession()
    await client.close()
    if (dialect === "envoy") {
      expect(authorizer.asked.map(spoken).toSorted()).toEqual([
        "DELETE",
        "GET",
        "POST initialize",
        "POST notifications/initialized",
        "POST tools/call",
        "POST tools/call",
      ])
    }
  })

  test("the v2 client works with desk, which sees the identity and never the token", async () => {
    await front(dialect)
    const before = desk.received().length
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } })
    await client.connect(new StreamableHTTPClientTransport(new URL("/desk", gateway.origin), TOKEN))
    const answer = await client.callTool({ name: "read-ticket", arguments: { ticket: "42" } })
    expect(JSON.stringify(answer.content)).toContain("printer")
    await client.close()

    const seen = desk.received().slice(before)
    expect(seen.map(({ method, name }) => `${method} ${name}`)).toEqual(["server/discover ", "tools/call read-ticket"])
    for (const { headers } of seen) expect(headers).toEqual(ALLOW.headers)
    const call = authorizer.asked.at(-1)
    expect(values(call, "authorization")).toEqual(["Bearer delegation-token"])
    expect(values(call, "mcp-method")).toEqual(["tools/call"])
    expect(values(call, "mcp-name")).toEqual(["read-ticket"])
  })

  test("the v1 client works with desk too", async () => {
    await front(dialect)
    const client = new OldClient({ name: "test", version: "1" })
    const transport = new OldTransport(new URL("/desk", gateway.origin), TOKEN)
    await client.connect(transport)
    const { tools } = await client.listTools()
    expect(tools.map(({ name }) => name)).toEqual(["read-ticket", "read-customer", "send-mail", "search"])
    await client.close()
  })
})

describe("the API", () => {
  let api: Api
  beforeAll(async () => {
    api = await startApi({ port: 0 })
  })
  afterAll(() => api.close())
  beforeEach(() => front("envoy"))

  test.each([
    ["GET", "/crm/tickets", 200],
    ["GET", "/crm/tickets/42", 200],
    ["POST", "/crm/tickets/42/replies", 201],
    ["GET", "/crm/customers/c-7", 200],
    ["POST", "/mail/messages", 201],
    ["DELETE", "/crm/tickets/42", 404],
    ["GET", "/crm/tickets/42/replies", 404],
  ])("%s %s answers %i", async (method, path, status) => {
    const response = await fetch(api.url + path, { method, ...(method === "POST" ? { body: '{"text":"hi"}' } : {}) })
    expect(response.status).toBe(status)
    expect(api.received().at(-1)).toMatchObject({ method, name: path })
  })
})
