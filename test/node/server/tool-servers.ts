/** The same MCP server, written with each SDK: its tools ask Narrowgate themselves, and report what reached them. */
import { createServer } from "node:http"
import { createMcpHandler, McpServer as NewServer } from "@modelcontextprotocol/server"
import { McpServer as OldServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import { getRequestListener } from "@hono/node-server"
import { z } from "zod"
import { listen, type Listening } from "../../../dev/loopback.ts"
import { callerOf, guardList, guardTool, type Decisions } from "../../../server/index.ts"

const ECHO = z.object({ message: z.string(), times: z.int().default(1) })
const REFUND = z.object({ order: z.string(), amount: z.int() })
const WHEN = z.object({ message: z.string().transform((text) => new Date(text)) })

const say = (said: object) => ({ content: [{ type: "text" as const, text: JSON.stringify(said) }] })

export interface ToolServerSetup {
  readonly decisions: Decisions
  /** Every call that a handler has run for. */
  readonly reached: unknown[]
  /** Each client gets the whole list of tools. */
  readonly isListOpen?: boolean
}

function newServer({ decisions, reached, isListOpen = false }: ToolServerSetup): NewServer {
  // As of a server whose list was the same for all, before it was guarded.
  const cacheHints = { "tools/list": { ttlMs: 1_000, cacheScope: "public" } } as const
  const server = new NewServer({ name: "everything", version: "1.0.0" }, { cacheHints })
  if (!isListOpen) guardList(decisions, "everything", server)
  server.registerTool(
    "echo",
    { inputSchema: ECHO },
    guardTool(decisions, "everything.echo", async ({ message, times }, context) => {
      reached.push({ message, times })
      return say({ message, caller: callerOf(context) })
    }),
  )
  const refund = guardTool(decisions, "billing.refund", ({ order, amount }: z.infer<typeof REFUND>) => {
    reached.push({ order, amount })
    return say({ order })
  })
  server.registerTool("refund", { inputSchema: REFUND }, refund)
  server.registerTool(
    "get-tiny-image",
    {},
    guardTool(decisions, "everything.get-tiny-image", (context) => say({ caller: callerOf(context) })),
  )
  server.registerTool(
    "when",
    { inputSchema: WHEN },
    guardTool(decisions, "everything.echo", ({ message }) => say({ message })),
  )
  return server
}

function oldServer({ decisions, reached, isListOpen = false }: ToolServerSetup): OldServer {
  const server = new OldServer({ name: "everything", version: "1.0.0" })
  if (!isListOpen) guardList(decisions, "everything", server)
  server.registerTool(
    "echo",
    { inputSchema: ECHO.shape },
    guardTool(decisions, "everything.echo", async ({ message, times }, extra) => {
      reached.push({ message, times })
      return say({ message, caller: callerOf(extra) })
    }),
  )
  const refund = guardTool(decisions, "billing.refund", ({ order, amount }: z.infer<typeof REFUND>) => {
    reached.push({ order, amount })
    return say({ order })
  })
  server.registerTool("refund", { inputSchema: REFUND.shape }, refund)
  server.registerTool(
    "get-tiny-image",
    {},
    guardTool(decisions, "everything.get-tiny-image", (extra) => say({ caller: callerOf(extra) })),
  )
  server.registerTool(
    "when",
    { inputSchema: WHEN.shape },
    guardTool(decisions, "everything.echo", ({ message }) => say({ message })),
  )
  return server
}

/** By the version of the SDK; each without sessions: a server for each message. */
export const TOOL_SERVERS: Readonly<Record<string, (setup: ToolServerSetup) => Promise<Listening>>> = {
  "1.x": async (setup) =>
    listen(
      createServer((request, response) => {
        const transport = new StreamableHTTPServerTransport({})
        void oldServer(setup)
          .connect(transport)
          .then(async () => transport.handleRequest(request, response))
      }),
      0,
    ),
  "2.x": async (setup) => {
    const handler = createMcpHandler(() => newServer(setup))
    return listen(createServer(getRequestListener(async (request) => handler.fetch(request))), 0)
  },
}
