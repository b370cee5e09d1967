/** Tools of servers of both SDKs that ask the real Narrowgate themselves, called by the clients of both. */
import { createServer, type RequestListener } from "node:http"
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from "@modelcontextprotocol/client"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { join } from "node:path"
import { createMcpHandler, McpServer as NewServer } from "@modelcontextprotocol/server"
import { McpServer as OldServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { getRequestListener } from "@hono/node-server"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { CONSOLE_CLIENT } from "../../../cli/remote/local-stack.ts"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { getToken, makeKey, prove } from "../../../dev/demo/agent.ts"
import { checkGateways } from "../../../cli/doctor/checks/gateways.ts"
import { subjectOf } from "../../../cli/doctor/subject.ts"
import { judgeTools } from "../../../cli/doctor/checks/guarded-tools.ts"
import { login } from "../../../cli/remote/local-stack-login.ts"
import { listen, type Listening } from "../../../dev/loopback.ts"
import { denialOf as inError } from "../../../client/index.ts"
import { startEverything } from "../../../dev/upstreams/everything.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { guardList, guardTool, httpDecisions, type Decisions, type HttpDecisionOptions } from "../../../server/index.ts"
import { AGENT, JSON_TYPE, ORIGIN, startBehind, type Behind } from "./behind.ts"
import { TOOL_SERVERS, type Tried } from "./tool-servers.ts"

const START_WITHIN_MS = 120_000

let behind: Behind
beforeAll(async () => {
  behind = await startBehind()
}, START_WITHIN_MS)
afterAll(async () => behind.close())

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
  let tried: Tried
  const start = async (options: Partial<HttpDecisionOptions> = {}): Promise<Listening> => {
    const make = TOOL_SERVERS[version]
    if (!make) throw new Error("no such server")
    tried = {
      decisions: httpDecisions({ url: behind.stack.origin, key: developmentKey("asking"), ...options }),
      reached: [],
    }
    return make(tried)
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
    expect(tried.reached).toEqual([{ message: "hi", times: 1 }])
    expect(JSON.parse((await tool("get-tiny-image")).content[0]?.text ?? "").caller.tool).toBe(
      "everything.get-tiny-image",
    )
  })

  const list = async (headers = bearer(behind.token), to = server): Promise<readonly string[]> => {
    const client = await connected(version, `${to.origin}/mcp`, headers)
    try {
      return (await client.listTools()).tools.map(({ name }) => name)
    } finally {
      await client.close()
    }
  }

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

  test("gives a denial to the model as a gateway does, and runs nothing", async () => {
    const reading = await behind.open({ purpose: "triage-ticket", scope: "crm.tickets.list:read" })
    expect(denialOf(await tool("echo", { message: "hi" }, bearer(reading)))).toEqual([
      true,
      "insufficient_scope",
      expect.stringMatching(
        /^Narrowgate denied the call of "everything\.echo", and nothing was done\. The task's grant does not cover this call\. A token with the scope \S.* would do\. \(insufficient_scope, decision dec_\w+\)$/,
      ),
    ])
    expect(tried.reached).toHaveLength(1)
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
    expect(tried.reached).toEqual([])
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
      expect([tried.reached, failures]).toEqual([[], [expect.any(Error)]])
      await asking.close()
    }
  })
})

test("a client that can show its user a page does so, and goes on once people have approved", async () => {
  const decisions = httpDecisions({ url: behind.stack.origin, key: developmentKey("asking") })
  const tried: Tried = { decisions, reached: [] }
  const server = await TOOL_SERVERS["2.x"]?.(tried)
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
  expect(tried.reached).toEqual([{ order: "o-2", amount: 24_900 }])
  // It is shown once. What stays denied is said in words.
  approves = false
  expect(denialOf(await refund("o-3")).slice(0, 2)).toEqual([true, "approval_required"])
  expect([shown.length, tried.reached.length]).toEqual([2, 1])
  await client.close()
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
  const decisions = httpDecisions({ url: behind.stack.origin, key: developmentKey("asking") })
  const servers = [
    new OldServer({ name: "everything", version: "1" }),
    new NewServer({ name: "everything", version: "1" }),
  ] as const
  servers[0].registerTool("echo", {}, async () => ({ content: [] }))
  servers[1].registerTool("echo", {}, async () => ({ content: [] }))
  for (const server of servers) expect(() => guardList(decisions, "everything", server)).toThrow("tools/list")
})

describe("doctor, without a token", () => {
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

  test.each(["authzen", "worker"] as const)(
    "of the dialect %s: is content if the tools are denied",
    async (dialect) => {
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
      expect(await found(CATALOG)).toEqual([
        { level: "ok", about: "edge", text: "without a token it denies (1 asked)" },
      ])
      // A gateway before the server has to deny the list as well; nothing says here that there is none.
      const level = dialect === "authzen" ? "skipped" : "problem"
      expect(await found([])).toMatchObject([{ level }])
      await server?.close()
    },
  )

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
      const server = new NewServer({ name: "everything", version: "1.0.0" })
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
})

test("the token may come from what has authenticated the request before", async () => {
  const decisions = httpDecisions({ url: behind.stack.origin, key: developmentKey("asking") })
  const guarded = guardTool(decisions, "everything.echo", async (_given: object, _context: object) => "done")
  for (const context of [{ authInfo: { token: behind.token } }, { http: { authInfo: { token: behind.token } } }])
    await expect(guarded({ message: "hi" }, context)).resolves.toBe("done")
})

test("the key is sent without TLS to no other machine, unless that is stated", () => {
  for (const url of ["http://127.0.0.1:8787", "http://localhost:8787", "http://[::1]:8787", "https://authz.example"])
    expect(() => httpDecisions({ url, key: "k" })).not.toThrow()
  expect(() => httpDecisions({ url: "http://authz.internal", key: "k", allowHttp: true })).not.toThrow()
})

test.each([
  { timeout: 0 },
  { timeout: 30_001 },
  { timeout: Number.NaN },
  { key: "" },
  { key: undefined },
  { key: "k\n2" },
  { url: "http://authz.example" },
  { url: "http://127.0.0.1.evil.example" },
  { url: "ftp://authz.example", allowHttp: true },
])("options that are none: %o", (options: object) => {
  expect(() => httpDecisions({ url: "https://authz.example", key: "k", ...options })).toThrow(TypeError)
})
