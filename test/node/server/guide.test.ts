/** docs/guides/services.md, as it stands there: its programs run, behind the real Narrowgate. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { createServer, type RequestListener } from "node:http"
import { join } from "node:path"
import { getRequestListener } from "@hono/node-server"
import type { Hono } from "hono"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { listen, type Listening } from "../../../dev/loopback.ts"
import { AGENT, JSON_TYPE, ORIGIN, startBehind, type Behind, type Request } from "./behind.ts"

const ROOT = join(import.meta.dirname, "../../..")
const GUIDE = join(ROOT, "docs/guides/services.md")
const START_WITHIN_MS = 120_000

let behind: Behind
let directory: string
let blocks: ReadonlyMap<string, readonly string[]>
beforeAll(async () => {
  behind = await startBehind()
  // Below the repository, where its packages are found.
  await mkdir(join(ROOT, ".narrowgate"), { recursive: true })
  directory = await mkdtemp(join(ROOT, ".narrowgate/guide-"))
  blocks = programsByHeading(await readFile(GUIDE, "utf8"))
}, START_WITHIN_MS)
afterAll(async () => {
  await behind.close()
  await rm(directory, { recursive: true, force: true })
})

function programsByHeading(text: string): ReadonlyMap<string, readonly string[]> {
  const sections = text.split(/^## /mu).map((section) => {
    const programs = Array.from(section.matchAll(/^```ts\n(.*?)^```$/gmsu), ([, program = ""]) => program)
    return [section.split("\n", 1)[0] ?? "", programs] as const
  })
  return new Map(sections.filter(([, programs]) => programs.length > 0))
}

const program = (heading: string, index = 0): string => {
  const found = blocks.get(heading)?.[index]
  if (found === undefined) throw new Error(`no program under ${heading}`)
  return found
}

let modules = 0
/** @param exported the expression that is the module's result, where the program has no default export */
async function run(text: string, exported?: string): Promise<unknown> {
  const here = text
    .replaceAll('"narrowgate/server"', JSON.stringify(join(ROOT, "server/index.ts")))
    .replaceAll("https://authz.example", behind.stack.origin)
    .replaceAll("https://mcp.example/mcp", `${ORIGIN}/everything/mcp`)
  const file = join(directory, `program-${++modules}.ts`)
  await writeFile(file, exported === undefined ? here : `${here}\nexport default ${exported}\n`)
  const { default: result }: { readonly default: unknown } = await import(file)
  return result
}

const isListener = (value: unknown): value is RequestListener => typeof value === "function"
const isHono = (value: unknown): value is Hono => typeof value === "object" && value !== null && "fetch" in value

async function serve(made: unknown): Promise<Listening> {
  if (isListener(made)) return listen(createServer(made), 0)
  if (isHono(made)) return listen(createServer(getRequestListener(async (request) => made.fetch(request))), 0)
  throw new Error("it is no service")
}

async function send(service: Listening, call: Request, token = ""): Promise<Response> {
  const { method, target, headers = {}, body } = call
  const init = { method, headers: { ...headers, "Txn-Token": token }, ...(body !== undefined && { body }) }
  return fetch(`${service.origin}${target}`, init)
}

describe("a service of at most ten lines", () => {
  const ticket = { method: "GET", target: "/crm/tickets/42" }
  const reply = { method: "POST", target: "/crm/tickets/42/replies", headers: JSON_TYPE, body: '{"text":"hi"}' }

  test.each([
    ["Hono", ticket, { ticket: "42", for: "alice" }, { ...ticket, target: "/crm/tickets/43" }],
    ["Express", reply, { said: "hi", by: AGENT }, { ...reply, target: "/crm/tickets/43/replies" }],
  ])("with %s", async (heading, call, answer, changed) => {
    const text = program(heading)
    expect(text.split("\n").filter((line) => line !== "").length).toBeLessThanOrEqual(10)
    const service = await serve(await run(text.replace("app.listen(8080)", "export default app")))
    const token = (await behind.allowed(call)).get("Txn-Token") ?? ""
    const allowed = await send(service, call, token)
    expect([allowed.status, await allowed.json()]).toEqual([200, answer])
    expect((await send(service, changed, token)).status).toBe(403)
    expect((await send(service, call)).status).toBe(401)
    await service.close()
  })
})

describe("what is added to it", () => {
  const PRELUDE = `import { Hono } from "hono"
import { bindingDecisions, callerOf, honoMiddleware } from "narrowgate/server"
const [issuer, app] = ["https://authz.example", new Hono()]
`
  const TOOLS = `const tools = { "crm.tickets.get": "GET /crm/tickets/{ticket}" }\n`
  const HANDLER = `app.all("*", (c) => c.json(callerOf(c)))\n`

  test("tools: arguments that are integers, and an upload", async () => {
    const text = `${PRELUDE}${program("Tools and arguments")}
app.use(honoMiddleware({ issuer, audience: "api.internal.example", tools }))\n${HANDLER}`
    const service = await serve(await run(text, "app"))
    const note = { method: "POST", target: "/crm/tickets/42/notes", headers: JSON_TYPE, body: '{"text":"hi"}' }
    const file = { method: "PUT", target: "/crm/tickets/42/files", headers: { "Content-Type": "image/png" }, body: "x" }
    for (const call of [note, file, { method: "GET", target: "/crm/tickets" }])
      expect((await send(service, call, (await behind.allowed(call)).get("Txn-Token") ?? "")).status).toBe(200)
    await service.close()
  })

  test("an MCP server", async () => {
    const text = `${PRELUDE}${program("An MCP server behind a gateway").replace("/mcp", "/everything/mcp")}${HANDLER}`
    const service = await serve(await run(text, "app"))
    const params = { name: "echo", arguments: { message: "hi" } }
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params })
    const call = { method: "POST", target: "/everything/mcp", headers: JSON_TYPE, body }
    const token = (await behind.allowed(call)).get("Txn-Token") ?? ""
    expect(await (await send(service, call, token)).json()).toMatchObject({ tool: "everything.echo" })
    expect((await send(service, { ...call, body: body.replace("hi", "ho") }, token)).status).toBe(403)
    await service.close()
  })

  test("replays", async () => {
    const service = await serve(await run(`${PRELUDE}${TOOLS}${program("Each call once")}${HANDLER}`, "app"))
    const call = { method: "GET", target: "/crm/tickets/42" }
    const token = (await behind.allowed(call)).get("Txn-Token") ?? ""
    expect([(await send(service, call, token)).status, (await send(service, call, token)).status]).toEqual([200, 401])
    await service.close()
  })

  test("plain headers", async () => {
    const service = await serve(await run(`${PRELUDE}${TOOLS}${program("Plain headers")}${HANDLER}`, "app"))
    const call = { method: "GET", target: "/crm/tickets/42" }
    const told = Object.fromEntries([...(await behind.allowed(call))].filter(([name]) => name.startsWith("x-")))
    expect((await send(service, { ...call, headers: told })).status).toBe(200)
    expect((await send(service, call)).status).toBe(401)
    await service.close()
  })
})

test("an MCP server that asks itself", async () => {
  process.env["NARROWGATE_KEY"] = developmentKey("asking")
  const service = await serve(await run(program("An MCP server without a gateway")))
  const params = { name: "echo", arguments: { message: "hi" } }
  const message = { jsonrpc: "2.0", id: 1, method: "tools/call", params }
  const Accept = "application/json, text/event-stream"
  const call = { method: "POST", target: "/mcp", body: JSON.stringify(message) }
  const as = async (own: Readonly<Record<string, string>>): Promise<string> =>
    (await send(service, { ...call, headers: { ...JSON_TYPE, Accept, ...own } })).text()
  expect(await as({ Authorization: `Bearer ${behind.token}` })).toContain(`hi, says ${AGENT}`)
  expect(await as({})).toContain("missing_token")
  const list = { ...call, body: JSON.stringify({ jsonrpc: "2.0", id: 2, method: "tools/list" }) }
  const listed = async (own: Readonly<Record<string, string>>): Promise<string> =>
    (await send(service, { ...list, headers: { ...JSON_TYPE, Accept, ...own } })).text()
  expect(await listed({ Authorization: `Bearer ${behind.token}` })).toContain('"name":"echo"')
  expect(await listed({})).toContain("missing_token")
  await service.close()
})

test("a Worker that asks over a binding", async () => {
  const stub = "{ authorize() {}, tools() {}, settle() {} }"
  const env = `const env = { NARROWGATE: ${stub}, NARROWGATE_KEY: "k" }\n`
  expect(await run(env + program("An MCP server without a gateway", 1), "decisions")).toHaveProperty("decide")
})
