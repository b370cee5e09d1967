/** `narrowgate doctor` of servers that ask Narrowgate themselves: whether they do, as a client without a token finds out. */
import { createServer } from "node:http"
import { join } from "node:path"
import { getRequestListener } from "@hono/node-server"
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { checkGateways } from "../../../cli/doctor/checks/gateways.ts"
import { judgeTools } from "../../../cli/doctor/checks/guarded-tools.ts"
import { subjectOf } from "../../../cli/doctor/subject.ts"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { listen } from "../../../dev/loopback.ts"
import { startEverything } from "../../../dev/upstreams/everything.ts"
import { httpDecisions, type Decisions } from "../../../server/index.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { startBehind, type Behind } from "../server/behind.ts"
import { TOOL_SERVERS } from "../server/tool-servers.ts"

const START_WITHIN_MS = 120_000

let behind: Behind
beforeAll(async () => {
  behind = await startBehind()
}, START_WITHIN_MS)
afterAll(async () => behind.close())

const CATALOG: readonly Tool[] = (["echo", "get-tiny-image", "when", "refund"] as const).map((own) => ({
  name: `everything.${own}`,
  server: "everything",
  action: own === "refund" ? "write" : "read",
  sensitivity: "internal",
  labels: [],
  groups: [],
  cost: 1,
  redact: [],
}))
const examine = async (origin: string, catalog = CATALOG, path = "/mcp") => {
  const server = { name: "everything", origin, path, enforces_headers: false }
  return judgeTools(server, catalog, AbortSignal.timeout(3_000))
}
const asking = () => httpDecisions({ url: behind.stack.origin, key: developmentKey("asking") })

const SERVERS = Object.keys(TOOL_SERVERS).flatMap((sdk) => [true, false].map((isListOpen) => ({ sdk, isListOpen })))

describe.each(SERVERS)("of a server of SDK $sdk, whose list is open: $isListOpen", ({ sdk, isListOpen }) => {
  const found = async (decisions: Decisions, ...more: [catalog?: typeof CATALOG, path?: string]) => {
    const reached: unknown[] = []
    const server = await TOOL_SERVERS[sdk]?.({ decisions, reached, isListOpen })
    const finding = await examine(server?.origin ?? "", ...more)
    await server?.close()
    return { ...finding, reached }
  }

  test("sees that it asks, by tools that only read", async () => {
    // `when` fails on its argument, which is no time: of that nothing follows. Without the list, neither does it of `echo`.
    expect(await found(asking())).toEqual({
      level: "ok",
      text: `without a token it denies (${isListOpen ? 2 : 1} of its tools called)`,
      reached: [],
    })
  })

  test("sees that it does not reach Narrowgate", async () => {
    const finding = await found(httpDecisions({ url: "http://127.0.0.1:1", key: "k" }))
    const denied = `denies ${isListOpen ? "echo" : "its list"}`
    expect(finding).toMatchObject({ level: "problem", text: expect.stringContaining(denied) })
  })

  test("says what to do if nothing of it only reads, or runs as called", async () => {
    const changing = CATALOG.filter(({ action }) => action === "write")
    const failing = CATALOG.filter(({ name }) => name === "everything.when")
    for (const [catalog, why] of [
      [changing, "it has no tool that only reads"],
      [failing, "it runs none of when as called here"],
    ] as const)
      expect(await found(asking(), catalog)).toMatchObject({
        level: "skipped",
        text: expect.stringMatching(new RegExp(`${why}\\. Call a tool of it without a token: it has to be denied`)),
        reached: [],
      })
  })
})

test.each(["authzen", "worker"] as const)("of the dialect %s: is content if the tools are denied", async (dialect) => {
  const server = await TOOL_SERVERS["2.x"]?.({ decisions: asking(), reached: [] })
  const origin = server?.origin ?? ""
  const [url, directory] = [behind.stack.origin, join(import.meta.dirname, "../../../policies")]
  const subject = await subjectOf({
    directory,
    isDirectoryNamed: true,
    url,
    isUrlNamed: true,
    idp: behind.stack.provider,
  })
  const { body } = subject
  const gateway = body?.gateways.find(({ id }) => id === "edge")
  if (!body || !gateway) throw new Error("the example has no gateway")
  const gateways = [{ ...gateway, dialect, origins: [origin] }]
  const servers = [{ name: "everything", origin, path: "/mcp", enforces_headers: false }]
  const found = async (tools: readonly Tool[]) =>
    checkGateways({ ...subject, body: { ...body, gateways, servers, routes: [], tools } })
  expect(await found(CATALOG)).toEqual([{ level: "ok", about: "edge", text: "without a token it denies (1 asked)" }])
  // A gateway before the server has to deny the list as well; nothing says here that there is none.
  const level = dialect === "authzen" ? "skipped" : "problem"
  expect(await found([])).toMatchObject([{ level }])
  await server?.close()
})

test("says that a server speaks no MCP", async () => {
  const other = await listen(
    createServer((_request, response) => void response.writeHead(404).end()),
    0,
  )
  const finding = await examine(other.origin)
  await other.close()
  expect(finding).toMatchObject({ level: "problem", text: expect.stringContaining("lists no tools to a client") })
})

test("sees that a server does not ask, by what reads, as the catalog and the server itself say", async () => {
  const reached: unknown[] = []
  const own = () => {
    const server = new McpServer({ name: "everything", version: "1.0.0" })
    const run = (name: string) => (given: object) => (
      reached.push({ name, ...given }),
      { content: [{ type: "text" as const, text: "done" }] }
    )
    const inputSchema = z.object({ message: z.string(), times: z.int().min(2), how: z.enum(["loud"]) })
    server.registerTool("echo", { inputSchema }, run("echo"))
    server.registerTool("refund", { inputSchema: z.object({}) }, run("refund"))
    const annotations = { readOnlyHint: false }
    server.registerTool("when", { inputSchema: z.object({}), annotations }, run("when"))
    return server
  }
  const handler = createMcpHandler(own)
  const open = await listen(createServer(getRequestListener(async (request) => handler.fetch(request))), 0)
  const finding = await examine(open.origin)
  await open.close()
  expect(finding).toMatchObject({
    level: "problem",
    text: `without a token echo of ${open.origin}/mcp runs: THE SERVER DOES NOT ASK, AND PASSES CALLS`,
    fix: expect.stringContaining("guardTool"),
  })
  expect(reached).toEqual([{ name: "echo", message: "0", times: 2, how: "loud" }])
})

test("opens a session where the server wants one", async () => {
  const everything = await startEverything({ port: 0 })
  const { origin, pathname } = new URL(everything.url)
  const finding = await examine(origin, CATALOG, pathname)
  await everything.close()
  expect(finding).toMatchObject({ level: "problem", text: expect.stringContaining("THE SERVER DOES NOT ASK") })
})
