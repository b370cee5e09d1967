/**
 * Gateways that cut the lists of MCP servers down to what the caller may use, as their pages configure it: with clients
 * and servers of MCP that nobody here wrote, by JSON and by event streams, and with servers and a filter that misbehave.
 */
import { createServer, request, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import { gzipSync } from "node:zlib"
import { Client, PrivateKeyJwtProvider, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { PrivateKeyJwtProvider as OldProvider } from "@modelcontextprotocol/sdk/client/auth-extensions.js"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { z } from "zod"
import { login } from "../../cli/remote/local-stack-login.ts"
import { getToken, makeKey, prove } from "../../dev/demo/agent.ts"
import { listen, type Listening } from "../../dev/loopback.ts"
import { edit } from "../clients/policies.ts"
import { ROBOT } from "../node/interop/robot.ts"
import { entryOf } from "./page.ts"
import { setScene, type Scene } from "./scene.ts"
import { installed } from "./start.ts"
import { GATEWAYS } from "./table.ts"

const SUPPORT = "spiffe://example.org/agent/support"
const FILTER = "/v1/tools/filter"
const ROWS = GATEWAYS.filter(({ page }) => entryOf(page)["filters_lists"] !== undefined)

/** A server that answers by JSON documents, with a session of each client's own. */
const sessions = new Map<string, StreamableHTTPServerTransport>()
async function answerByJson(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  const known = sessions.get(String(asked.headers["mcp-session-id"]))
  if (known) return known.handleRequest(asked, answer)
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: () => crypto.randomUUID(),
    enableJsonResponse: true,
    onsessioninitialized: (id) => void sessions.set(id, transport),
  })
  const server = new McpServer({ name: "json", version: "1" })
  const query = { query: z.string() }
  const say = (): { content: { type: "text"; text: string }[] } => ({ content: [{ type: "text", text: "found" }] })
  server.registerTool("search", { inputSchema: query }, say)
  server.registerTool("nowhere", { inputSchema: query }, say)
  await server.connect(transport)
  return transport.handleRequest(asked, answer)
}

const PUBLIC = { sensitivity: "public", groups: ["support-desk"] }

/** Adds two servers, with one tool each that the robot may use, and some of what `everything` has beside tools. */
async function admit(policies: string): Promise<void> {
  await edit(policies, "catalog.yaml", (lists) => {
    const [{ origin } = {}] = lists("servers")
    for (const name of ["json", "scripted"]) {
      lists("servers").push({ name, origin, path: `/${name}/mcp` })
      lists("tools").push({ name: `${name}.search`, action: "read", ...PUBLIC })
      lists("tools").push({ name: `${name}.send-mail`, action: "write", ...PUBLIC })
    }
    const documents = { resource: "demo://resource/static/document/architecture.md" }
    for (const entry of [documents, { prompt: "simple-prompt" }])
      lists("tools").push({ name: `everything.${Object.keys(entry)[0]}`, action: "read", ...PUBLIC, ...entry })
  })
  await edit(policies, "agents.yaml", (lists) => {
    const robot = lists("agents").find(({ id }) => id === ROBOT)
    const errand = lists("purposes").find(({ name }) => name === "errand")
    const tools = ["everything.*:read", "desk.*:read", "json.*:read", "scripted.*:read"]
    for (const [owner, member] of [
      [robot, "ceiling"],
      [errand, "grant"],
    ] as const)
      Object.assign(owner ?? {}, { [member]: { tools, max_sensitivity: "internal" } })
  })
}

/** Of the scripted server: a tool that the caller may use, and one that it may not. */
const LIST = { jsonrpc: "2.0", id: 'a"}{', result: { tools: [{ name: "search" }, { name: "send-mail" }] } }
const KEPT = { ...LIST, result: { tools: [{ name: "search" }] } }
const QUERY = { jsonrpc: "2.0", params: { cursor: '{"id":7,[', _meta: { id: 7 } }, id: LIST.id, method: "tools/list" }
/** What a client gets in place of a list that could not be cut. */
const NONE = { jsonrpc: "2.0", id: LIST.id, error: { code: -32_603, message: expect.stringContaining("list") } }

const EVENTS = { "Content-Type": "text/event-stream" }
const JSON_TYPE = { "Content-Type": "application/json" }
const event = (message: unknown): string => `event: message\ndata: ${JSON.stringify(message)}\n\n`
const send =
  (status: number, headers: Readonly<Record<string, string>>, body: string | Uint8Array): RequestListener =>
  (_asked, answer) =>
    void answer.writeHead(status, headers).end(body)

/** More than any gateway holds, and then the end; without an end, for as long as its client stays. */
function flow(answer: ServerResponse, first: string, each: string, end?: string): void {
  answer.writeHead(200, EVENTS).write(first)
  let left = 40
  const more = setInterval(() => {
    left -= 1
    if (left > 0 || end === undefined) answer.write(each)
    else answer.end(end)
  }, 1)
  answer.once("close", () => clearInterval(more))
}

describe.each(ROWS.map((row) => [row.name, row] as const))("through %s", (_name, row) => {
  if (!installed(row)) {
    test.skip(`skipped: ${row.name} is not installed`, () => undefined)
    return
  }
  let scene: Scene
  let serve: RequestListener = send(500, {}, "")
  /** What becomes of a request for the filter; null: Narrowgate answers it. */
  let filter: RequestListener | null = null
  let filtered = 0
  let token = ""
  const parting = new AsyncDisposableStack()
  const adopt = <Part extends Pick<Listening, "close">>(part: Part): Part =>
    parting.adopt(part, async (each) => each.close())

  const relay = async (narrowgate: string): Promise<Listening> =>
    listen(
      createServer((incoming, answer) => {
        const { method, url = "", headers } = incoming
        if (url === FILTER) {
          filtered += 1
          if (filter) return filter(incoming, answer)
        }
        const outgoing = request(narrowgate + url, { method, headers }, (said) => {
          answer.writeHead(said.statusCode ?? 502, said.headers)
          said.pipe(answer)
        })
        outgoing.once("error", () => answer.destroy())
        incoming.pipe(outgoing)
      }),
      0,
    )

  const robot = (): ConstructorParameters<typeof PrivateKeyJwtProvider>[0] => ({
    clientId: ROBOT,
    privateKey: { ...scene.robot.privateJwk },
    algorithm: "ES256",
    expectedIssuer: scene.stack.origin,
  })

  beforeAll(async () => {
    const json = adopt(
      await listen(
        createServer((...both) => void answerByJson(...both)),
        0,
      ),
    )
    const scripted = adopt(
      await listen(
        createServer((...both) => serve(...both)),
        0,
      ),
    )
    const upstreams = { "/json/mcp": json.origin, "/scripted/mcp": scripted.origin }
    scene = adopt(await setScene({ row, upstreams, before: relay, edit: admit }))
    const authProvider = new OldProvider(robot())
    const client = new OldClient({ name: "test", version: "1" })
    await client.connect(new OldTransport(new URL("/everything/mcp", scene.origin), { authProvider }))
    token = authProvider.tokens()?.access_token ?? ""
    await client.close()
  })
  beforeEach(() => {
    filter = null
    filtered = 0
  })
  afterAll(async () => parting.disposeAsync())

  interface Connected {
    readonly client: OldClient
    /** The media types of the answers to its POSTs. */
    readonly types: string[]
  }

  async function connect(path: string): Promise<Connected> {
    const types: string[] = []
    const watching: typeof fetch = async (input, init) => {
      const response = await fetch(input, init)
      if (init?.method === "POST") types.push(response.headers.get("content-type") ?? "")
      return response
    }
    const client = new OldClient({ name: "test", version: "1" })
    const requestInit = { headers: { authorization: `Bearer ${token}` } }
    await client.connect(new OldTransport(new URL(path, scene.origin), { requestInit, fetch: watching }))
    return { client, types }
  }

  const post = async (message: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    fetch(new URL("/scripted/mcp", scene.origin), {
      method: "POST",
      headers: {
        ...JSON_TYPE,
        Accept: "application/json, text/event-stream",
        Authorization: `Bearer ${token}`,
        ...headers,
      },
      body: JSON.stringify(message),
    })

  test("a client of a server that answers by event streams is shown what it may use", async () => {
    const { client, types } = await connect("/everything/mcp")
    const { tools } = await client.listTools()
    expect(types.at(-1)).toBe("text/event-stream")
    const names = tools.map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(["echo", "get-sum"]))
    expect(names).not.toContain("trigger-long-running-operation")
    expect(names).not.toContain("get-env")
    expect(tools.find(({ name }) => name === "echo")?.inputSchema.properties).toHaveProperty("message")
    const { prompts } = await client.listPrompts()
    expect(prompts.map(({ name }) => name)).toEqual(["simple-prompt"])
    const { resources } = await client.listResources()
    expect(resources.map(({ uri }) => uri)).toEqual(["demo://resource/static/document/architecture.md"])
    expect(await client.listResourceTemplates()).toEqual({ resourceTemplates: [] })
    expect(filtered).toBe(4)
    const { content } = await client.callTool({ name: "echo", arguments: { message: "hello" } })
    expect(content).toEqual([{ type: "text", text: "Echo: hello" }])
    expect(filtered).toBe(4)
    await client.close()
  })

  test("a client of a server that answers by JSON is so, and its session goes on", async () => {
    const { client, types } = await connect("/json/mcp")
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["search"])
    expect(types.at(-1)).toMatch(/^application\/json/u)
    const { content } = await client.callTool({ name: "search", arguments: { query: "x" } })
    expect(content).toEqual([{ type: "text", text: "found" }])
    await client.close()
  })

  test("a client of MCP 2026-07-28 is so", async () => {
    const authProvider = new PrivateKeyJwtProvider(robot())
    const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } })
    await client.connect(new StreamableHTTPClientTransport(new URL("/desk/mcp", scene.origin), { authProvider }))
    const { tools, cacheScope } = await client.listTools()
    expect(client.getNegotiatedProtocolVersion()).toBe("2026-07-28")
    expect([tools.map(({ name }) => name).toSorted(), cacheScope]).toEqual([["read-ticket", "search"], "private"])
    expect(filtered).toBe(1)
    await client.close()
  })

  test("a token that is bound to a key lists by the one proof of the request", async () => {
    const { origin: narrowgate, provider } = scene.stack
    const { access_token: subject } = await login({ origin: provider, user: "alice" })
    const key = await makeKey()
    const wanted = { agent: SUPPORT, subject, purpose: "triage-ticket", scope: "desk.search:read", key }
    const { token: bound } = await getToken({ narrowgate, provider }, wanted)
    const url = `${scene.origin}/desk/mcp`
    const list = async (proof: string): Promise<unknown> => {
      const answer = await fetch(url, {
        method: "POST",
        headers: {
          ...JSON_TYPE,
          Accept: "application/json, text/event-stream",
          Authorization: `DPoP ${bound?.access_token}`,
          DPoP: proof,
        },
        body: JSON.stringify({ ...QUERY, id: 1, params: {} }),
      })
      return [answer.status, await answer.text()]
    }
    const proof = await prove(key, "POST", url, bound?.access_token ?? "")
    expect(await list(proof)).toEqual([200, expect.stringContaining('"search"')])
    expect(filtered).toBe(1)
    expect(await list(proof)).toEqual([401, expect.anything()])
  })

  const broken: readonly (readonly [what: string, filter: RequestListener])[] = [
    ["is not there", (asked) => void asked.socket.destroy()],
    ["fails", send(503, {}, "")],
    ["denies", send(403, JSON_TYPE, JSON.stringify(LIST))],
    ["is somebody else, who sends elsewhere", send(302, { Location: "/" }, JSON.stringify(LIST))],
    ["is somebody else, who has nothing", send(204, {}, "")],
  ]
  test.each(broken)("where the filter %s, a client gets no list, and its session goes on", async (_what, fails) => {
    const { client } = await connect("/json/mcp")
    filter = fails
    await expect(client.listTools()).rejects.toMatchObject({ code: -32_603 })
    expect(filtered).toBe(1)
    filter = null
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["search"])
    await client.close()
    filter = fails
    serve = send(200, EVENTS, event(LIST))
    const answer = await post(QUERY)
    expect([answer.status, await answer.json()]).toEqual([200, NONE])
  })

  const shown: readonly (readonly [what: string, serve: RequestListener, type: string, body: string])[] = [
    ["JSON", send(200, JSON_TYPE, JSON.stringify(LIST)), "application/json", JSON.stringify(KEPT)],
    ["events", send(200, { ...EVENTS, "Mcp-Session-Id": "s" }, event(LIST)), "text/event-stream", event(KEPT)],
    [
      "events, with others before and an id to resume from",
      send(200, EVENTS, `id: 1\ndata:\n\n${event({ jsonrpc: "2.0", method: "notifications/x" })}id: 2\n${event(LIST)}`),
      "text/event-stream",
      event({ jsonrpc: "2.0", method: "notifications/x" }) + event(KEPT),
    ],
    [
      "an error",
      send(200, JSON_TYPE, '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}'),
      "application/json",
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}',
    ],
  ]
  test.each(shown)("a list that comes as %s is cut, and stays what it is", async (_what, answers, type, body) => {
    serve = answers
    const answer = await post(QUERY)
    expect([answer.status, answer.headers.get("content-type"), await answer.text()]).toEqual([200, type, body])
    expect(answer.headers.get("x-narrowgate-decision")).toMatch(/^dec_/u)
    expect(answer.headers.get("x-narrowgate-list")).toBeNull()
    expect(filtered).toBe(1)
  })

  const hidden: readonly (readonly [what: string, serve: RequestListener])[] = [
    [
      "packed, which nobody asked for",
      send(200, { ...JSON_TYPE, "Content-Encoding": "gzip" }, gzipSync(JSON.stringify(LIST))),
    ],
    ["encoded, though it can be read", send(200, { ...JSON_TYPE, "Content-Encoding": "x-own" }, JSON.stringify(LIST))],
    ["in no type that can be read", send(200, { "Content-Type": "text/html" }, JSON.stringify(LIST))],
    ["with another status of success", send(203, { "Content-Type": "text/html" }, JSON.stringify(LIST))],
    ["twice", send(200, EVENTS, event(LIST) + event(LIST))],
    ["in a batch", send(200, JSON_TYPE, JSON.stringify([LIST]))],
    ["empty", send(200, JSON_TYPE, "")],
  ]
  test.each(hidden)("a list that is %s is not shown", async (_what, answers) => {
    serve = answers
    const answer = await post(QUERY)
    expect([answer.status, await answer.json()]).toEqual([200, NONE])
  })

  const long = "x".repeat(65_536)
  const endless: readonly (readonly [what: string, serve: RequestListener])[] = [
    ["of a known length", send(200, JSON_TYPE, JSON.stringify({ ...LIST, more: long.repeat(16) }))],
    ["with an event that never ends", (_asked, answer) => flow(answer, event(LIST), `: ${long}\n`)],
    ["with the answer at its end", (_asked, answer) => flow(answer, "", `: ${long}\n`, event(LIST))],
  ]
  test("where the filter says nothing, a client gets no list in time", { timeout: 15_000 }, async () => {
    filter = () => undefined
    serve = send(200, EVENTS, event(LIST))
    const answer = await post(QUERY)
    expect([answer.status, await answer.json()]).toEqual([200, NONE])
  })

  test.each(endless)("a list that is too long is not shown: %s", async (_what, answers) => {
    serve = answers
    const answer = await post(QUERY).catch(() => null)
    expect((await answer?.text().catch(() => "")) ?? "").not.toContain("send-mail")
  })

  test("an answer that is no success, or to another request, goes on as it came", async () => {
    serve = send(404, { ...JSON_TYPE, "X-Own": "1" }, JSON.stringify(LIST))
    const failed = await post(QUERY)
    expect([failed.status, failed.headers.get("x-own"), await failed.json()]).toEqual([404, "1", LIST])
    serve = send(200, JSON_TYPE, JSON.stringify(LIST))
    expect(await (await post({ ...QUERY, method: "ping" })).json()).toEqual(LIST)
    expect(filtered).toBe(0)
  })

  test("only a request for a list asks its server for an answer that is not packed", async () => {
    const accepted: (string | undefined)[] = []
    serve = (asked, answer) => {
      accepted.push(asked.headers["accept-encoding"])
      expect(asked.headers["x-narrowgate-list"]).toBeUndefined()
      send(200, JSON_TYPE, JSON.stringify(LIST))(asked, answer)
    }
    for (const method of ["tools/list", "ping"])
      await (await post({ ...QUERY, method }, { "Accept-Encoding": "gzip" })).text()
    expect(accepted).toEqual([undefined, "gzip"])
  })

  test("the events of other streams arrive while they are open", async () => {
    let open: ServerResponse | undefined
    serve = (_asked, answer) => {
      open = answer
      answer.writeHead(200, EVENTS).write(event({ jsonrpc: "2.0", method: "notifications/x" }))
    }
    const called = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "search", arguments: {} } }
    const get = async (): Promise<Response> =>
      fetch(new URL("/scripted/mcp", scene.origin), {
        headers: { Accept: "text/event-stream", Authorization: `Bearer ${token}` },
      })
    for (const stream of [await post(called), await get()]) {
      const reader = stream.body?.getReader()
      const { value } = (await reader?.read()) ?? {}
      expect(new TextDecoder().decode(value)).toContain("notifications/x")
      open?.end()
      await reader?.cancel()
    }
    expect(filtered).toBe(0)
  })

  test("a client chooses neither the server that is asked about nor the key", async () => {
    serve = send(200, JSON_TYPE, JSON.stringify(LIST))
    const claimed = {
      "X-Narrowgate-List": "everything",
      "X-Narrowgate-Server": "everything",
      "X-Narrowgate-Filter-Key": "x",
    }
    expect(await (await post(QUERY, claimed)).json()).toEqual(KEPT)
    expect(await (await post({ ...QUERY, method: "ping" }, claimed)).json()).toEqual(LIST)
    expect(filtered).toBe(1)
  })
})
