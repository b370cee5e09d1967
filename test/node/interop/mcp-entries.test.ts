/**
 * Everything of an MCP server through the local stack's gateway, with the policies that `init` writes for that server,
 * by the clients of both generations: tools, resources, prompts, subscriptions, completion, logging, and what the server
 * requests of its client.
 */
import { readFile, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from "@modelcontextprotocol/sdk/types.js"
import { acceptedContent, inputRequired, McpServer, ResourceTemplate } from "@modelcontextprotocol/server"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { freePort, twoFreePorts } from "../../../dev/loopback.ts"
import { startOwnGateways } from "../../../dev/own-gateways.ts"
import { startStack } from "../../../dev/stack.ts"
import { startEverything, type Upstream } from "../../../dev/upstreams.ts"
import { startMcp } from "../../../dev/upstreams/mcp.ts"
import { HOSTILE_URIS } from "../../harness/hostile-uris.ts"
import { run } from "../cli/run.ts"

const AGENT = "spiffe://example.org/agent/assistant"
const START_MS = 60_000

interface Served {
  readonly directory: string
  readonly url: URL
  /** A new task for alice. */
  readonly token: () => Promise<string>
  readonly narrowgate: (...args: readonly string[]) => ReturnType<typeof run>
  readonly attempt: (tool: string, ...args: readonly string[]) => ReturnType<typeof run>
  readonly close: () => Promise<void>
}

/** @param edit of the catalog that `init` has written */
async function serve(upstream: Upstream, edit: (catalog: string) => string = String): Promise<Served> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-entries-"))
  const narrowgate = (...args: readonly string[]) => run(directory, args)
  const origin = `http://127.0.0.1:${await freePort()}`
  const written = await narrowgate("init", "mine", "--mcp", upstream.url, "--server", "s", "--origin", origin, "--yes")
  if (written.code !== 0) throw new Error(written.stderr)
  const policies = join(directory, "mine")
  const catalog = join(policies, "catalog.yaml")
  await writeFile(catalog, edit(await readFile(catalog, "utf8")))
  const stack = await startStack({ policies, port: await twoFreePorts(), state: join(directory, "state") })
  const { body } = stack.first.compiled
  if (!body) throw new Error(JSON.stringify(stack.first.compiled.problems))
  const gateways = await startOwnGateways({ body, narrowgate: stack.origin })
  const where = ["--policies", "mine", "--url", stack.origin, "--idp", stack.provider, "--agent", AGENT]
  return {
    directory,
    url: new URL("/s/mcp", origin),
    token: async () => {
      const exchanged = await narrowgate(
        "token",
        "exchange",
        ...where.slice(2),
        "--user",
        "alice",
        "--audience",
        origin,
      )
      return exchanged.stdout.trim()
    },
    narrowgate,
    attempt: (tool, ...args) => narrowgate("try", tool, ...where, "--user", "alice", ...args),
    close: async () => {
      await gateways.close()
      await stack.close()
      await rm(directory, { recursive: true })
    },
  }
}

const withToken = (token: string) => ({ requestInit: { headers: { authorization: `Bearer ${token}` } } })

describe("server-everything, by the v1 client", () => {
  let everything: Upstream
  let served: Served
  beforeAll(async () => {
    everything = await startEverything({ port: 0 })
    // It lists these to clients alone that have the capability, so `init` did not see them.
    const asking = ["trigger-elicitation-request", "trigger-sampling-request", "get-roots-list"].map(
      (name) => `  - { name: s.${name}, action: read, sensitivity: internal }\n`,
    )
    served = await serve(everything, (catalog) => catalog + asking.join(""))
  }, START_MS)
  afterAll(async () => {
    await served.close()
    await everything.close()
  })

  const connected = async (token: string) => {
    const capabilities = { elicitation: {}, sampling: {}, roots: {} }
    const client = new OldClient({ name: "test", version: "1" }, { capabilities })
    await client.connect(new OldTransport(served.url, withToken(token)))
    return client
  }

  test("lists what may be called, and no more", async () => {
    const client = await connected(await served.token())
    const names = (await client.listTools()).tools.map(({ name }) => name)
    expect(names).toContain("echo")
    expect(names).not.toContain("get-env")
    expect(names).not.toContain("gzip-file-as-resource")
    expect((await client.listResources()).resources).toHaveLength(7)
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(2)
    expect((await client.listPrompts()).prompts).toHaveLength(4)
    await client.close()
  })

  test("reads, subscribes, gets prompts, completes, sets the level of logs", async () => {
    const client = await connected(await served.token())
    const uri = "demo://resource/dynamic/text/7"
    const { contents } = await client.readResource({ uri })
    expect(contents).toMatchObject([{ uri, text: expect.stringContaining("Resource 7") }])
    const document = "demo://resource/static/document/features.md"
    expect((await client.readResource({ uri: document })).contents).toHaveLength(1)
    await client.subscribeResource({ uri })
    await client.unsubscribeResource({ uri })
    const { messages } = await client.getPrompt({ name: "args-prompt", arguments: { city: "Oslo" } })
    expect(JSON.stringify(messages)).toContain("Oslo")
    const ref = { type: "ref/prompt", name: "completable-prompt" } as const
    const { completion } = await client.complete({ ref, argument: { name: "department", value: "E" } })
    expect(completion.values).toContain("Engineering")
    await client.setLoggingLevel("warning")
    await client.ping()
    await client.close()
  })

  test("answers what the server requests of it", async () => {
    const client = await connected(await served.token())
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: "accept", content: { name: "Ada" } }))
    client.setRequestHandler(CreateMessageRequestSchema, () => ({
      role: "assistant",
      model: "none",
      content: { type: "text", text: "sampled" },
    }))
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///somewhere" }] }))
    const called = async (name: string, args: Record<string, string> = {}) =>
      JSON.stringify(await client.callTool({ name, arguments: args }))
    expect(await called("trigger-elicitation-request")).toContain("Ada")
    expect(await called("trigger-sampling-request", { prompt: "a" })).toContain("sampled")
    expect(await called("get-roots-list")).toContain("file:///somewhere")
    await client.close()
  })

  test("cannot read what no entry is, nor what only looks like one", async () => {
    const client = await connected(await served.token())
    for (const uri of [
      "demo://resource/other",
      "demo://resource/static/document/../secret",
      "demo://resource/dynamic/text/1/2",
    ]) {
      await expect(client.readResource({ uri })).rejects.toThrow()
    }
    await expect(client.getPrompt({ name: "other" })).rejects.toThrow()
    expect((await client.callTool({ name: "echo", arguments: { message: "still there" } })).isError ?? false).toBe(
      false,
    )
    await client.close()
  })

  test(
    "opens a session for each call, fifteen of them, within the limits that init writes",
    async () => {
      await sleep(10_000)
      const tokens = [await served.token(), await served.token()]
      // 20 calls in ten seconds are allowed, by all of the agent's tasks; the tests above have made some.
      // One call each, and five messages that are none.
      for (let call = 0; call < 15; call++) {
        const client = await connected(tokens[call % 2] ?? "")
        await client.ping()
        expect((await client.callTool({ name: "echo", arguments: { message: "a" } })).isError ?? false).toBe(false)
        const { transport } = client
        if (transport instanceof OldTransport) await transport.terminateSession()
        await client.close()
      }
    },
    START_MS,
  )

  test(
    "narrowgate try reads a resource and gets a prompt",
    async () => {
      const named = ["--arguments", '{"resourceId":"3"}']
      expect(await served.attempt("s.resources.dynamic-text-resource", ...named)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining("Resource 3"),
      })
      expect(await served.attempt("s.prompts.simple-prompt")).toMatchObject({ code: 0 })
      expect(await served.attempt("s.resources.dynamic-text-resource")).toMatchObject({
        code: 2,
        stderr: expect.stringContaining("the resource needs the argument `resourceId`"),
      })
    },
    START_MS,
  )
})

/** A server of MCP 2026-07-28 with some of everything. */
function modern(): McpServer {
  const server = new McpServer({ name: "modern", version: "1" }, { capabilities: { resources: { subscribe: true } } })
  const confirmation = z.object({ sure: z.boolean() })
  server.registerTool(
    "deploy",
    { description: "Deploys", inputSchema: z.object({}), annotations: { readOnlyHint: true, openWorldHint: false } },
    (_args, { mcpReq }) => {
      const confirmed = acceptedContent(mcpReq.inputResponses, "confirm", confirmation)
      if (confirmed) return { content: [{ type: "text", text: `sure: ${confirmed.sure}` }] }
      return inputRequired({
        inputRequests: { confirm: inputRequired.elicit({ message: "Sure?", requestedSchema: confirmation }) },
      })
    },
  )
  const template = new ResourceTemplate("db://tables/{table}", { list: undefined })
  server.registerResource("Table", template, { description: "A table" }, (uri, { table }) => ({
    contents: [{ uri: uri.href, text: `rows of ${String(table)}` }],
  }))
  server.registerPrompt("ask", { argsSchema: z.object({ about: z.string() }) }, ({ about }) => ({
    messages: [{ role: "user", content: { type: "text", text: `about ${about}` } }],
  }))
  return server
}

describe("a server of MCP 2026-07-28, by the v2 client", () => {
  let upstream: Upstream
  let served: Served
  beforeAll(async () => {
    upstream = await startMcp(0, modern)
    served = await serve(upstream)
  }, START_MS)
  afterAll(async () => {
    await served.close()
    await upstream.close()
  })

  const connected = async (token: string) => {
    const client = new Client(
      { name: "test", version: "1" },
      { versionNegotiation: { mode: "auto" }, capabilities: { elicitation: { form: {} } } },
    )
    await client.connect(new StreamableHTTPClientTransport(served.url, withToken(token)))
    expect(client.getNegotiatedProtocolVersion()).toBe("2026-07-28")
    return client
  }

  test("lists, reads, gets prompts, listens, and answers what the server asks for", async () => {
    const client = await connected(await served.token())
    client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { sure: true } }))
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["deploy"])
    expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(1)
    expect((await client.listPrompts()).prompts).toHaveLength(1)
    const { contents } = await client.readResource({ uri: "db://tables/orders" })
    expect(contents).toMatchObject([{ text: "rows of orders" }])
    const { messages } = await client.getPrompt({ name: "ask", arguments: { about: "a" } })
    expect(JSON.stringify(messages)).toContain("about a")
    const subscription = await client.listen({ resourceSubscriptions: ["db://tables/orders"] })
    await subscription.close()
    const listening = await client.listen({ toolsListChanged: true })
    await listening.close()
    expect(JSON.stringify(await client.callTool({ name: "deploy", arguments: {} }))).toContain("sure: true")
    await client.close()
  })

  test("hostile URIs do not reach it", async () => {
    const token = await served.token()
    for (const [what, uri] of HOSTILE_URIS.filter((_each, index) => index % 5 === 0)) {
      const body = { jsonrpc: "2.0", id: 1, method: "resources/read", params: { uri } }
      const headers = { "content-type": "application/json", authorization: `Bearer ${token}` }
      const response = await fetch(served.url, { method: "POST", headers, body: JSON.stringify(body) })
      expect(response.headers.get("x-narrowgate-code"), what).toBe("malformed_call")
      expect(await response.json(), what).toMatchObject({ error: { code: -32600 } })
    }
  })

  test(
    "answers are denied once the catalog says so, and the call with them",
    async () => {
      const catalog = join(served.directory, "mine/catalog.yaml")
      const listed = "  - { name: s.mcp.elicitation, action: write, sensitivity: internal }\n"
      const stricter = await serve(upstream, (text) => text + listed)
      try {
        expect(await readFile(catalog, "utf8")).not.toContain(listed)
        const client = new Client(
          { name: "test", version: "1" },
          { versionNegotiation: { mode: "auto" }, capabilities: { elicitation: { form: {} } } },
        )
        await client.connect(new StreamableHTTPClientTransport(stricter.url, withToken(await stricter.token())))
        client.setRequestHandler("elicitation/create", () => ({ action: "accept", content: { sure: true } }))
        expect((await client.readResource({ uri: "db://tables/orders" })).contents).toHaveLength(1)
        expect(await client.callTool({ name: "deploy", arguments: {} })).toMatchObject({ isError: true })
        await client.close()
      } finally {
        await stricter.close()
      }
    },
    START_MS,
  )
})
