/** Tools of servers of both SDKs that ask the real Narrowgate themselves, called by the clients of both. */
import { createServer, type RequestListener } from "node:http"
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from "@modelcontextprotocol/client"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { McpServer as NewServer } from "@modelcontextprotocol/server"
import { McpServer as OldServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { CONSOLE_CLIENT } from "../../../cli/remote/local-stack.ts"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { getToken, makeKey, prove } from "../../../dev/demo/agent.ts"
import { login } from "../../../cli/remote/local-stack-login.ts"
import { listen, type Listening } from "../../../dev/loopback.ts"
import { denialOf as inError } from "../../../client/index.ts"
import { APPROVAL_KEY } from "../../../src/core/catalog/mcp-response.ts"
import { guardList, guardTool, httpDecisions, type Decisions, type HttpDecisionOptions } from "../../../server/index.ts"
import { AGENT, JSON_TYPE, ORIGIN, startBehind, type Behind } from "./behind.ts"
import { TOOL_SERVERS, type ToolServerSetup } from "./tool-servers.ts"

const START_WITHIN_MS = 120_000

let behind: Behind
beforeAll(async () => {
  behind = await startBehind()
}, START_WITHIN_MS)
afterAll(async () => behind.close())

const asking = (options: Partial<HttpDecisionOptions> = {}): Decisions =>
  httpDecisions({ url: behind.stack.origin, key: developmentKey("asking"), ...options })

const answerSchema = z.looseObject({
  content: z.array(z.looseObject({ text: z.string() })),
  isError: z.boolean().optional(),
  _meta: z.looseObject({ "narrowgate/denial": z.looseObject({ error: z.string() }).optional() }).optional(),
})
type Answer = z.infer<typeof answerSchema>

/** Of the same generation as the server. */
async function connected(version: string, url: string, headers: Readonly<Record<string, string>>) {
  const info = { name: "test", version: "1" }
  const init = { requestInit: { headers } }
  if (version === "1.x") {
    const client = new OldClient(info)
    await client.connect(new OldTransport(new URL(url), init))
    return client
  }
  const client = new NewClient(info, { versionNegotiation: { mode: "auto" } })
  await client.connect(new NewTransport(new URL(url), init))
  return client
}

async function call(
  version: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  name: string,
  given: Record<string, unknown>,
): Promise<Answer> {
  const client = await connected(version, url, headers)
  const answer = await client.callTool({ name, arguments: given })
  await client.close()
  return answerSchema.parse(answer)
}

/** The result that a gateway with `denials: mcp` gives to the same call. */
async function ofGateway(name: string, given: object, token: string): Promise<Answer> {
  const path = "/billing/mcp"
  const response = await fetch(`${behind.stack.origin}/authz/envoy${path}`, {
    method: "POST",
    headers: {
      ...JSON_TYPE,
      Authorization: `Bearer ${token}`,
      "X-Narrowgate-Key": developmentKey("saying"),
      "X-Narrowgate-Original-Path": path,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name, arguments: given } }),
  })
  return answerSchema.parse(z.object({ result: z.unknown() }).parse(await response.json()).result)
}

/** A gateway knows the tool by its server's name for it, and each decision has its own id. */
const comparable = ({ content, isError, _meta }: Answer): unknown => {
  const text = JSON.stringify({ content, isError, denial: _meta?.["narrowgate/denial"] })
  return JSON.parse(text.replaceAll(/dec_\w+/gu, "dec_").replace("billing.refund", "refund"))
}

const denialOf = ({ isError, content, _meta }: Answer) => [
  isError,
  _meta?.["narrowgate/denial"]?.error,
  content[0]?.text ?? "",
]

describe.each(Object.keys(TOOL_SERVERS))("a server of SDK %s", (version) => {
  let server: Listening
  let setup: ToolServerSetup
  const start = async (options: Partial<HttpDecisionOptions> = {}): Promise<Listening> => {
    const make = TOOL_SERVERS[version]
    if (!make) throw new Error("no such server")
    setup = { decisions: asking(options), reached: [] }
    return make(setup)
  }
  const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` })
  const tool = async (name: string, given: Record<string, unknown> = {}, headers = bearer(behind.token), to = server) =>
    call(version, `${to.origin}/mcp`, headers, name, given)

  beforeAll(async () => {
    server = await start()
  })
  afterAll(async () => server.close())

  test("runs an allowed call, with the arguments that were allowed, and knows whose it is", async () => {
    const { content } = await tool("echo", { message: "hi" })
    const { message, caller } = JSON.parse(content[0]?.text ?? "")
    expect(message).toBe("hi")
    expect(caller).toMatchObject({
      agent: AGENT,
      user: { issuer: behind.stack.provider, subject: "alice" },
      tool: "everything.echo",
      decision: expect.stringMatching(/^dec_/),
      signed: null,
    })
    // The default of the schema, which Narrowgate was asked about too.
    expect(setup.reached).toEqual([{ message: "hi", times: 1 }])
    expect(JSON.parse((await tool("get-tiny-image")).content[0]?.text ?? "").caller.tool).toBe(
      "everything.get-tiny-image",
    )
  })

  const listing = async (headers = bearer(behind.token), to = server) => {
    const client = await connected(version, `${to.origin}/mcp`, headers)
    try {
      return await client.listTools()
    } finally {
      await client.close()
    }
  }
  const list = async (...of: Parameters<typeof listing>): Promise<readonly string[]> =>
    (await listing(...of)).tools.map(({ name }) => name)

  test("lists what its caller may call, and to nobody anything else", async () => {
    expect(await list()).toEqual(["echo", "get-tiny-image"])
    const reading = await behind.open({ purpose: "triage-ticket", scope: "crm.tickets.list:read" })
    const denied: readonly (readonly [string, Record<string, string>])[] = [
      ["insufficient_scope", bearer(reading)],
      ["missing_token", {}],
      ["invalid_token", bearer("a.b.c")],
    ]
    for (const [code, headers] of denied) {
      const thrown = await list(headers).catch((each: unknown) => each)
      expect(await inError(thrown)).toMatchObject({ code, decision: expect.stringMatching(/^dec_/) })
    }
  })

  test("lists for its caller alone, whatever the server lets caches do", async () => {
    expect(await listing()).toMatchObject({ cacheScope: "private" })
  })

  test("gives a denial to the model as a gateway does, and runs nothing", async () => {
    const reading = await behind.open({ purpose: "triage-ticket", scope: "crm.tickets.list:read" })
    expect(denialOf(await tool("echo", { message: "hi" }, bearer(reading)))).toEqual([
      true,
      "insufficient_scope",
      expect.stringMatching(
        /^Narrowgate denied the call of "everything\.echo", and nothing was done\. The task's grant does not cover this call\. A token with the scope \S.* would do\. \(insufficient_scope, decision dec_\w+\)$/,
      ),
    ])
    expect(setup.reached).toHaveLength(1)
  })

  test("says where people approve of a call", async () => {
    const token = await behind.open({ purpose: "refund-order", scope: "billing.refund:write billing.*:read" })
    const answer = await tool("refund", { order: "o-1", amount: 24_900 }, bearer(token))
    expect(answer._meta?.["narrowgate/denial"]).toMatchObject({
      error: "approval_required",
      approval: { status: "pending", url: expect.stringContaining("/console/approvals/") },
    })
    expect(answer.content[0]?.text).toMatch(
      /It can be approved at http\S+ until \d{4}-\S+Z: give that address to the user, and repeat exactly the same call once it is approved\./,
    )
    expect(answer.content[0]?.text).not.toContain("Try again in")
    // What test/clients shows of each client is about the result of a gateway: this is the same.
    expect(comparable(answer)).toEqual(comparable(await ofGateway("refund", { order: "o-1", amount: 24_900 }, token)))
    expect(denialOf(await tool("refund", { order: "o-1", amount: 900 }, bearer(token)))[0]).toBeUndefined()
  })

  test.each([
    ["no token", {}, "missing_token"],
    ["no Bearer", { Authorization: "Basic eDp5" }, "invalid_token"],
    ["garbage", { Authorization: "Bearer a.b.c" }, "invalid_token"],
    ["no JWT", { Authorization: "Bearer abc" }, "invalid_token"],
  ])("denies a call with %s", async (_what, headers: Record<string, string>, code) => {
    const [isError, error] = denialOf(await tool("echo", { message: "hi" }, headers))
    expect([isError, error]).toEqual([true, code])
  })

  test("denies arguments that Narrowgate cannot see as the handler does", async () => {
    expect(denialOf(await tool("when", { message: "2026-01-01" })).slice(0, 2)).toEqual([true, "malformed_call"])
  })

  test("passes on the proof of a bound token", async () => {
    const key = await makeKey()
    const { access_token: subject } = await login({ origin: behind.stack.provider, user: "alice" })
    const where = { narrowgate: behind.stack.origin, provider: behind.stack.provider }
    const agent = "spiffe://example.org/agent/vault"
    const { token } = await getToken(where, { agent, subject, key, purpose: "triage-ticket" })
    const bound = token?.access_token ?? ""
    const asked = { Authorization: `DPoP ${bound}`, DPoP: await prove(key, "POST", `${ORIGIN}/everything/mcp`, bound) }
    expect((await tool("get-tiny-image", {}, asked)).isError).toBeUndefined()
    expect(denialOf(await tool("get-tiny-image", {}, asked))[1]).toBe("invalid_token")
    expect(denialOf(await tool("get-tiny-image", {}, bearer(bound)))[1]).toBe("invalid_token")
  })

  const json = (body: unknown, status = 200, headers = {}): RequestListener => {
    return (_request, response) => {
      response.writeHead(status, { "Content-Type": "application/json", ...headers })
      response.end(typeof body === "string" ? body : JSON.stringify(body))
    }
  }
  const identity = Object.fromEntries(
    ["agent", "user", "task", "purpose", "decision"].map((name) => [`x-narrowgate-${name}`, "https://a|b"]),
  )
  const allowOf = (tool: string) => ({
    decision: true,
    context: { decision_id: "dec_1", headers: { ...identity, "x-narrowgate-tool": tool } },
  })
  const allow = allowOf("everything.echo")
  const elsewhere: RequestListener = (request, response) => {
    if (request.url === "/allow") json(allow)(request, response)
    else json("", 307, { Location: "/allow" })(request, response)
  }
  test.each<[string, RequestListener, number?]>([
    ["never answers", () => undefined, 300],
    ["ends the connection", (request) => void request.destroy()],
    ["begins an answer, and does not end it", (_request, response) => void response.write("{"), 300],
    ["fails", json({ error: "unavailable" }, 503)],
    ["answers no JSON", json("<html>")],
    ["answers another document", json([])],
    ["allows in another word", json({ decision: "true", context: allow.context })],
    ["allows, and does not say whom", json({ decision: true, context: { decision_id: "dec_1", headers: {} } })],
    ["allows another tool", json(allowOf("other.echo"))],
    ["allows with another status", json(allow, 201)],
    ["leads elsewhere", elsewhere],
    ["denies without a code", json({ decision: false, context: {} })],
    ["answers a mebibyte", json({ ...allow, more: "x".repeat(1_048_576) })],
  ])("denies where what it asks %s", async (_what, listener, timeout = 6_000) => {
    const broken = await listen(createServer(listener), 0)
    const asking = await start({ url: broken.origin, timeout })
    const answer = await tool("echo", { message: "hi" }, bearer(behind.token), asking)
    expect(denialOf(answer).slice(0, 2)).toEqual([true, "unavailable"])
    expect(setup.reached).toEqual([])
    expect(await inError(await list(bearer(behind.token), asking).catch((each: unknown) => each))).toMatchObject({
      code: "unavailable",
    })
    await asking.close()
    await broken.close()
  })

  test("denies where nothing listens, and with a wrong key", async () => {
    for (const options of [{ url: "http://127.0.0.1:1" }, { key: "wrong" }]) {
      const failures: unknown[] = []
      const asking = await start({ ...options, onFailure: (cause) => void failures.push(cause) })
      const answer = await tool("echo", { message: "hi" }, bearer(behind.token), asking)
      expect(denialOf(answer).slice(0, 2)).toEqual([true, "unavailable"])
      expect([setup.reached, failures]).toEqual([[], [expect.any(Error)]])
      await asking.close()
    }
  })
})

test("a client that can show its user a page does so, and goes on once people have approved", async () => {
  const decisions = asking()
  const setup: ToolServerSetup = { decisions, reached: [] }
  const server = await TOOL_SERVERS["2.x"]?.(setup)
  if (!server) throw new Error("no such server")
  const token = await behind.open({ purpose: "refund-order", scope: "billing.refund:write billing.*:read" })
  const capabilities = { elicitation: { url: {} } }
  const client = new NewClient({ name: "test", version: "1" }, { capabilities, versionNegotiation: { mode: "auto" } })
  const shown: unknown[] = []
  let approves = true
  client.setRequestHandler("elicitation/create", async ({ params }) => {
    shown.push(params)
    const { url } = z.looseObject({ url: z.string() }).parse(params)
    if (approves) await approve(url)
    return { action: "accept" }
  })
  const init = { requestInit: { headers: { Authorization: `Bearer ${token}` } } }
  await client.connect(new NewTransport(new URL(`${server.origin}/mcp`), init))
  const refund = async (order: string): Promise<Answer> =>
    answerSchema.parse(await client.callTool({ name: "refund", arguments: { order, amount: 24_900 } }))
  expect((await refund("o-2")).content[0]?.text).toBe('{"order":"o-2"}')
  expect(shown).toEqual([
    {
      mode: "url",
      message: expect.stringMatching(/^A person has to approve the call of "billing\.refund"\. /),
      url: expect.stringMatching(new RegExp(`^${behind.stack.origin}/console/approvals/tsk_[^/]+/apr_\\w+$`, "u")),
    },
  ])
  expect(setup.reached).toEqual([{ order: "o-2", amount: 24_900 }])
  // It is shown once. What stays denied is said in words.
  approves = false
  expect(denialOf(await refund("o-3")).slice(0, 2)).toEqual([true, "approval_required"])
  expect([shown.length, setup.reached.length]).toEqual([2, 1])
  await client.close()
  await server.close()
})

test.each([
  ["nothing", undefined, "input_required"],
  ["another question", { other: { action: "accept" } }, "input_required"],
  ["this one", { [APPROVAL_KEY]: { action: "accept" } }, "complete"],
  [
    "this one, in a form that the SDK drops",
    { [APPROVAL_KEY]: { method: "elicitation/create", result: {} } },
    "complete",
  ],
])("a client that shows pages, and has answered %s, gets one or not", async (_what, inputResponses, resultType) => {
  const setup: ToolServerSetup = { decisions: asking(), reached: [] }
  const server = await TOOL_SERVERS["2.x"]?.(setup)
  if (!server) throw new Error("no such server")
  const token = await behind.open({ purpose: "refund-order", scope: "billing.refund:write billing.*:read" })
  const protocol = "2026-07-28"
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": protocol,
    "io.modelcontextprotocol/clientInfo": { name: "test", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": { elicitation: { url: {} } },
  }
  const params = { name: "refund", arguments: { order: "o-4", amount: 24_900 }, _meta, inputResponses }
  const answer = await fetch(`${server.origin}/mcp`, {
    method: "POST",
    headers: {
      ...JSON_TYPE,
      Accept: "application/json, text/event-stream",
      Authorization: `Bearer ${token}`,
      "MCP-Protocol-Version": protocol,
      "Mcp-Method": "tools/call",
      "Mcp-Name": "refund",
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }),
  })
  expect(await answer.text()).toContain(`"resultType":"${resultType}"`)
  expect(setup.reached).toEqual([])
  await server.close()
})

async function approve(page: string): Promise<void> {
  const { access_token } = await login({ origin: behind.stack.provider, user: "olivia", client: CONSOLE_CLIENT })
  const [, task, id] = /\/(tsk_[^/]+)\/(apr_\w+)$/u.exec(page) ?? []
  const { status } = await fetch(`${behind.stack.origin}/v1/tasks/${task}/approvals/${id}`, {
    method: "POST",
    headers: { ...JSON_TYPE, Authorization: `Bearer ${access_token}` },
    body: JSON.stringify({ approve: true }),
  })
  if (status !== 200) throw new Error(`the approval was answered by ${status}`)
}

test("a list that is there already is not taken for guarded", () => {
  const decisions = asking()
  const servers = [
    new OldServer({ name: "everything", version: "1" }),
    new NewServer({ name: "everything", version: "1" }),
  ] as const
  servers[0].registerTool("echo", {}, async () => ({ content: [] }))
  servers[1].registerTool("echo", {}, async () => ({ content: [] }))
  for (const server of servers) expect(() => guardList(decisions, "everything", server)).toThrow("tools/list")
})

test("the token may come from what has authenticated the request before", async () => {
  const decisions = asking()
  const guarded = guardTool(decisions, "everything.echo", async (_given: object, _context: object) => "done")
  for (const context of [{ authInfo: { token: behind.token } }, { http: { authInfo: { token: behind.token } } }])
    await expect(guarded({ message: "hi" }, context)).resolves.toBe("done")
})
