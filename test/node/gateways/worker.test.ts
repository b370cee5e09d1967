/** The Worker of docs/guides/gateways/worker.md, as it stands there, bound to the real Narrowgate in workerd. */
import { stripTypeScriptTypes } from "node:module"
import { afterAll, beforeAll, expect, test, vi } from "vitest"
import { z } from "zod"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { NAME } from "../../../dev/stack.ts"
import { blockOf } from "../../gateways/page.ts"
import { AGENT, guarded, ORIGIN, type Guarded } from "./guarded.ts"

const START_WITHIN_MS = 120_000

/** Tells what it received, and lies about who decided. */
const UPSTREAM = `export default {
  async fetch(request) {
    const { method, url, headers } = request
    if (headers.has("x-answer")) {
      const answer = atob(headers.get("x-answer")) + " ".repeat(Number(headers.get("x-more") ?? 0))
      const own = { "Content-Type": headers.get("x-type"), "Content-Length": String(answer.length), "Mcp-Session-Id": "s" }
      return new Response(answer, { status: Number(headers.get("x-status") ?? 200), headers: own })
    }
    const received = { method, url, headers: Object.fromEntries(headers), body: await request.text() }
    return Response.json(received, { headers: { "X-Narrowgate-Decision": "dec_forged", "DPoP-Nonce": "forged", "X-Own": "1" } })
  },
}`
const FAILING = `import { WorkerEntrypoint } from "cloudflare:workers"
export default { fetch: () => new Response() }
export class Authorizer extends WorkerEntrypoint {
  authorize() { throw new Error("out of order") }
}
export class Lax extends WorkerEntrypoint {
  authorize() { return { allowed: true, status: 200, headers: {}, body: "" } }
}
export class Listless extends WorkerEntrypoint {
  authorize() {
    const headers = { "x-narrowgate-decision": "dec_1", "x-narrowgate-list": "everything" }
    return { allowed: true, status: 200, headers, body: "" }
  }
  tools() { throw new Error("out of order") }
}`

const received = z.object({
  method: z.string(),
  url: z.string(),
  headers: z.record(z.string(), z.string()),
  body: z.string(),
})

let own: Guarded | undefined
beforeAll(async () => {
  const script = stripTypeScriptTypes(blockOf("worker.md", "src/index.ts")).replace(
    "oauth-protected-resource/front",
    "oauth-protected-resource/worker",
  )
  const front = (name: string, worker: string, entrypoint: string) => ({
    name,
    script,
    vars: { NARROWGATE_KEY: developmentKey("worker") },
    services: {
      NARROWGATE: { worker, entrypoint },
      NARROWGATE_PUBLIC: { worker: NAME },
      UPSTREAM: { worker: "upstream" },
    },
  })
  own = await guarded(
    "worker",
    ["body: true", "filters_lists: granted"],
    [
      front("front", NAME, "Authorizer"),
      front("before-a-failure", "failing", "Authorizer"),
      front("before-somebody-else", "failing", "Lax"),
      front("without-a-filter", "failing", "Listless"),
      { name: "upstream", script: UPSTREAM },
      { name: "failing", script: FAILING },
    ],
    "crm.tickets.*:read everything.*:read",
  )
}, START_WITHIN_MS)
afterAll(async () => own?.close())

interface Call {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

async function call(path: string, init: Call = {}, front = "front"): Promise<Response> {
  if (!own) throw new Error("nothing has started yet")
  const headers = { Authorization: `Bearer ${own.token}`, ...init.headers }
  return own.stack.fetchBeside(front, `${ORIGIN}${path}`, { ...init, headers })
}

test("gets the metadata of what is behind it without a question (RFC 9728)", async () => {
  for (const [below, resource] of [
    ["", "https://api.example"],
    ["/everything/mcp", `${ORIGIN}/everything/mcp`],
  ]) {
    const path = `/.well-known/oauth-protected-resource${below}`
    const answer = await call(path, { headers: { Authorization: "none" } }, "before-a-failure")
    expect([answer.status, await answer.json()]).toMatchObject([200, { resource }])
    for (const [other, init] of [
      [path, { method: "POST", body: "x" }],
      [`${path}?origin=x`, {}],
      [`${path}/../../healthz`, {}],
      [`${path}/%2e%2e/healthz`, {}],
      [`${path}//x`, {}],
    ] as const) {
      const refused = await call(other, init)
      expect(refused.status, other).toBeGreaterThanOrEqual(400)
      await refused.body?.cancel()
    }
  }
})

test("passes an allowed call on with who calls, in Narrowgate's words alone, and without the token", async () => {
  const forged = ["X-Narrowgate-Agent", "X_Narrowgate_Agent", "X.Narrowgate.User", "Txn-Token", "Txn_Token", "DPoP"]
  const headers = Object.fromEntries(forged.map((name) => [name, "forged"]))
  const answer = await call("/crm/tickets/42?full=1", { headers: { ...headers, DPoP: "" } })
  expect(answer.status).toBe(200)
  expect(answer.headers.get("X-Narrowgate-Decision")).toMatch(/^dec_[0-9A-Z]{26}$/u)
  expect([answer.headers.has("DPoP-Nonce"), answer.headers.get("X-Own")]).toEqual([false, "1"])
  const told = received.parse(await answer.json())
  expect(told).toMatchObject({ method: "GET", url: `${ORIGIN}/crm/tickets/42?full=1`, body: "" })
  expect(told.headers).toMatchObject({
    "x-narrowgate-agent": AGENT,
    "x-narrowgate-tool": "crm.tickets.get",
    "x-narrowgate-decision": answer.headers.get("X-Narrowgate-Decision"),
    "txn-token": "",
  })
  const others = Object.keys(told.headers).filter((name) => /narrowgate|txn|authorization|dpop/u.test(name))
  expect(others.toSorted()).toEqual([
    "txn-token",
    ...["agent", "decision", "purpose", "task", "tool", "user"].map((name) => `x-narrowgate-${name}`),
  ])
})

test.each([
  ["outside the grant", "/crm/customers/7", { "X-Forwarded-Uri": "/crm/tickets/42" }, 403, "insufficient_scope"],
  ["without a token", "/crm/tickets/42", { Authorization: "" }, 401, "missing_token"],
  ["of a target that reads in two ways", "/crm/tickets/4%2f2", {}, 400, "malformed_call"],
])("gives a refusal to the client as it is: %s", async (_what, path, headers, status, code) => {
  const answer = await call(path, { headers })
  expect([answer.status, answer.headers.get("X-Narrowgate-Code")]).toEqual([status, code])
  expect(await answer.json()).toMatchObject({ error: code })
  expect(answer.headers.has("WWW-Authenticate")).toBe(status === 401)
})

test("gives an MCP client a denial as its server would, and the server nothing", async () => {
  const post = async (message: object) =>
    call("/everything/mcp", {
      method: "POST",
      body: JSON.stringify({ jsonrpc: "2.0", ...message }),
      headers: { "Content-Type": "application/json", "X-Narrowgate-Status": "403" },
    })
  const denied = await post({ id: 1, method: "tools/call", params: { name: "nothing" } })
  expect([denied.status, denied.headers.get("X-Narrowgate-Code")]).toEqual([200, "unknown_tool"])
  expect(await denied.json()).toMatchObject({ id: 1, result: { isError: true } })
  const notified = await post({ method: "no/such" })
  expect([notified.status, await notified.text()]).toEqual([202, ""])
})

const LIST = { jsonrpc: "2.0", id: 7, result: { tools: [{ name: "echo" }, { name: "get-env" }] } }
const KEPT = { ...LIST, result: { tools: [{ name: "echo" }] } }
const NONE = { jsonrpc: "2.0", id: 7, error: { code: -32_603 } }
const JSON_TYPE = "application/json"
const EVENTS = "text/event-stream"
const event = (message: object): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`

/** The upstream answers with this. */
const list = async (
  answer: string,
  type: string,
  { front = "front", method = "tools/list", status = "200", more = "0" } = {},
) => {
  const own = { "X-Answer": btoa(answer), "X-Type": type, "X-Status": status, "X-More": more }
  const headers = { "Content-Type": JSON_TYPE, ...own }
  const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method })
  const response = await call("/everything/mcp", { method: "POST", headers, body }, front)
  expect(response.headers.get("X-Narrowgate-Decision")).toMatch(/^dec_/u)
  return { response, text: await response.text() }
}

test.each([
  ["JSON", JSON.stringify(LIST), JSON_TYPE, JSON.stringify(KEPT)],
  ["events", `id: 1\n${event(LIST)}`, EVENTS, event(KEPT)],
])("cuts a list that comes as %s down to what the caller may use", async (_what, answer, type, kept) => {
  const { response, text } = await list(answer, type)
  const { status, headers } = response
  expect([status, headers.get("Content-Type"), headers.get("Mcp-Session-Id"), text]).toEqual([200, type, "s", kept])
})

test.each([
  ["is too long", JSON.stringify(LIST), JSON_TYPE, "1048576"],
  ["cannot be read", JSON.stringify(LIST), "text/html", "0"],
  ["is not there", "", JSON_TYPE, "0"],
])("shows no list that %s", async (_what, answer, type, more) => {
  const { response, text } = await list(answer, type, { more })
  expect([response.status, JSON.parse(text)]).toMatchObject([200, NONE])
})

test("shows no list where the filter fails, and leaves every other answer as it is", async () => {
  const log = vi.spyOn(console, "error").mockReturnValue()
  const { response, text } = await list(event(LIST), EVENTS, { front: "without-a-filter" })
  expect([response.status, JSON.parse(text)]).toMatchObject([200, NONE])
  log.mockRestore()
  expect((await list(JSON.stringify(LIST), JSON_TYPE, { method: "ping" })).text).toBe(JSON.stringify(LIST))
  expect((await list(JSON.stringify(LIST), JSON_TYPE, { status: "404" })).text).toBe(JSON.stringify(LIST))
})

test("asks with the body, and passes on no body that was not judged", async () => {
  const post = async (body: string) =>
    call("/mail/messages", { method: "POST", body, headers: { "Content-Type": "application/json" } })
  expect((await post('{"to":"a@example.org","to":"b"}')).headers.get("X-Narrowgate-Code")).toBe("malformed_call")
  expect((await post("x".repeat(1_048_577))).status).toBe(413)
})

test("passes nothing on where Narrowgate fails, nor by a yes without a decision, nor a WebSocket", async () => {
  const log = vi.spyOn(console, "error").mockReturnValue()
  for (const front of ["before-a-failure", "before-somebody-else"]) {
    expect((await call("/crm/tickets/42", {}, front)).status).toBe(503)
  }
  expect(log.mock.calls.filter(([line]) => String(line).includes("Narrowgate did not answer"))).not.toEqual([])
  log.mockRestore()
  expect((await call("/crm/tickets/42", { headers: { Upgrade: "websocket" } })).status).toBe(501)
})
