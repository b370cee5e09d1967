/** The same MCP server, written with each SDK: its tools ask Narrowgate themselves, and tell what reached them. */
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

export interface Tried {
  readonly decisions: Decisions
  /** Every call that a handler has run for. */
  readonly reached: unknown[]
  /** Who asks for the list of tools gets it whole. */
  readonly isListOpen?: boolean
}

function newServer({ decisions, reached, isListOpen = false }: Tried): NewServer {
  const server = new NewServer({ name: "everything", version: "1.0.0" })
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

function oldServer({ decisions, reached, isListOpen = false }: Tried): OldServer {
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
export const TOOL_SERVERS: Readonly<Record<string, (tried: Tried) => Promise<Listening>>> = {
  "1.x": async (tried) =>
    listen(
      createServer((request, response) => {
        const transport = new StreamableHTTPServerTransport({})
        void oldServer(tried)
          .connect(transport)
          .then(async () => transport.handleRequest(request, response))
      }),
      0,
    ),
  "2.x": async (tried) => {
    const handler = createMcpHandler(() => newServer(tried))
    return listen(createServer(getRequestListener(async (request) => handler.fetch(request))), 0)
  },
}
