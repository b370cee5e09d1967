/** A service in workerd, told of calls by the real Worker: over HTTP, and as a server of MCP. */
import { exports } from "cloudflare:workers"
import { Hono } from "hono"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { callerOf, honoMiddleware, type ServiceOptions } from "../../server/index.ts"
import { openChild, openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, type ClientRequest } from "../harness/gateways.ts"
import { agentId, US } from "../harness/issuers.ts"

yardForEach()

const ORIGIN = "https://service.test"
const JSON_TYPE = { "Content-Type": "application/json" }

function service(options: Partial<ServiceOptions> = {}) {
  const app = new Hono()
  const own: ServiceOptions = {
    issuer: US,
    audience: "api.test",
    fetch: async (url, init) => exports.default.fetch(url, init),
    tools: { "files.read": "GET /files/{file}", "files.write": { methods: ["PUT"], path: "/files/{file}" } },
    servers: [{ name: "desk", path: "/desk/mcp" }],
  }
  app.use(honoMiddleware({ ...own, ...options }))
  app.all("*", async (c) => c.json({ caller: callerOf(c), body: await c.req.raw.text() }))
  return app
}

const WRITE = { path: "/files/a", method: "PUT", headers: JSON_TYPE, body: '{"text":"hi"}' }

const answerSchema = z.looseObject({
  error: z.string().optional(),
  caller: z.unknown().optional(),
  body: z.string().optional(),
})

const tokenFor = async (client: ClientRequest, token?: string): Promise<string> => {
  const { path, ...more } = client
  const { headers } = await callWith(token ?? (await openTask("first")).token, path, more, "telling")
  return headers.get("Txn-Token") ?? ""
}

async function answered(client: ClientRequest, token: string, app = service()) {
  const { path, method = "GET", headers = {}, body } = client
  const init = { method, headers: { ...headers, "Txn-Token": token }, ...(body !== undefined && { body }) }
  const answer = await app.request(new Request(`${ORIGIN}${path}`, init))
  const { error: code, ...json } = answerSchema.parse(await answer.json())
  return { status: answer.status, code, ...json }
}

describe("a Worker behind a gateway", () => {
  test("gets an allowed call with its body, and not one that was changed", async () => {
    const token = await tokenFor(WRITE)
    expect(await answered(WRITE, token)).toMatchObject({ status: 200, body: WRITE.body })
    expect(await answered({ ...WRITE, body: '{"text":"ho"}' }, token)).toMatchObject({ code: "arguments_mismatch" })
    expect(await answered({ ...WRITE, path: "/files/b" }, token)).toMatchObject({ code: "arguments_mismatch" })
    expect(await answered({ path: "/files/a" }, token)).toMatchObject({ code: "tool_mismatch" })
  })

  test("does not get a body whose length claims that there is none", async () => {
    const empty = { path: "/files/a", method: "PUT", headers: { ...JSON_TYPE, "Content-Length": "0" } }
    const token = await tokenFor(empty)
    expect((await answered(empty, token)).status).toBe(200)
    expect((await answered({ ...empty, body: "" }, token)).status).toBe(200)
    expect(await answered({ ...empty, body: WRITE.body }, token)).toMatchObject({ code: "arguments_mismatch" })
    const upload = { ...empty, headers: { "Content-Type": "text/plain", "Content-Length": "0" } }
    expect((await answered({ ...upload, body: "" }, token)).status).toBe(200)
    expect(await answered({ ...upload, body: WRITE.body }, token)).toMatchObject({ code: "arguments_mismatch" })
  })

  test("learns of a sub-agent for whom it acts", async () => {
    const root = await openTask("first")
    const child = await openChild(root.token, "second")
    const token = await tokenFor({ path: "/files/a" }, child.token)
    const { caller } = await answered({ path: "/files/a" }, token)
    expect(caller).toMatchObject({ agent: agentId("second"), signed: { chain: ["second", "first"].map(agentId) } })
  })

  test("does not see redacted arguments in the hash, and so not their change", async () => {
    const secret = { ...WRITE, body: '{"text":"hi","secret":"0417"}' }
    const token = await tokenFor(secret)
    expect((await answered(secret, token)).status).toBe(200)
    expect((await answered({ ...secret, body: '{"text":"hi","secret":"0418"}' }, token)).status).toBe(200)
    expect((await answered({ ...secret, body: '{"text":"ho","secret":"0417"}' }, token)).status).toBe(403)
  })

  test("refuses a number that the hash does not cover, because a double does not hold it", async () => {
    const inexact = { ...WRITE, body: '{"text":"hi","n":12345678901234567890}' }
    const token = await tokenFor(inexact)
    expect(await answered(inexact, token)).toMatchObject({ code: "arguments_unseen" })
  })
})

describe("an MCP server behind a gateway", () => {
  const message = (method: string, params?: object, more: object = {}): ClientRequest => ({
    path: "/desk/mcp",
    method: "POST",
    headers: { ...JSON_TYPE, Accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, ...(params && { params }), ...more }),
  })
  const search = (given: object) => message("tools/call", { name: "search", arguments: given })

  test("gets each message that was allowed, and no other under its token", async () => {
    const token = await tokenFor(search({ q: "a" }))
    expect((await answered(search({ q: "a" }), token)).status).toBe(200)
    const others: readonly (readonly [ClientRequest, string])[] = [
      [search({ q: "b" }), "arguments_mismatch"],
      [message("tools/call", { name: "pay", arguments: { q: "a" } }), "tool_mismatch"],
      [message("tools/call", { name: "mcp.ping", arguments: { q: "a" } }), "tool_mismatch"],
      [message("tools/list"), "tool_mismatch"],
      [message("tools/call", { name: "search", Name: "pay", arguments: { q: "a" } }), "malformed_call"],
      [{ ...search({}), body: `[${String(search({ q: "a" }).body)}]` }, "malformed_call"],
      [{ ...search({ q: "a" }), path: "/desk/mcp?q=a" }, "malformed_call"],
      [{ ...search({ q: "a" }), headers: { "Content-Type": "text/plain" } }, "malformed_call"],
      [{ path: "/desk/mcp" }, "tool_mismatch"],
      [{ ...search({ q: "a" }), path: "/other/mcp" }, "tool_mismatch"],
    ]
    for (const [other, code] of others) expect(await answered(other, token), String(other.body)).toMatchObject({ code })
  })

  test.each([
    ["initialize", message("initialize", { protocolVersion: "2025-11-25", capabilities: {} })],
    ["a list", message("tools/list")],
    ["a stream", { path: "/desk/mcp" }],
  ])("gets %s", async (_what, client) => {
    expect((await answered(client, await tokenFor(client))).status).toBe(200)
  })
})

test("Narrowgate out of reach: nobody is believed, and it is asked once a second", async () => {
  let asked = 0
  const app = service({
    fetch: async () => {
      asked++
      throw new Error("out of reach, by a test")
    },
  })
  const token = await tokenFor(WRITE)
  for (let each = 0; each < 3; each++) expect(await answered(WRITE, token, app)).toMatchObject({ code: "unavailable" })
  expect(asked).toBe(1)
})
