/**
 * `desk`, the MCP server of the demo: reads tickets and personal data, and could send them outside. Stateless, speaks
 * MCP 2026-07-28 as well as the older revisions. It pretends: no mail leaves.
 */
import { type IncomingMessage, type ServerResponse, createServer } from "node:http"
import { Readable } from "node:stream"
import { buffer } from "node:stream/consumers"
import { pipeline } from "node:stream/promises"
import { type McpHttpHandler, McpServer, createMcpHandler } from "@modelcontextprotocol/server"
import { z } from "zod"
import { listen } from "../loopback.ts"
import type { Upstream } from "./everything.ts"
import { type Received, tellingHeaders } from "./received.ts"

export interface Desk extends Upstream {
  /** Every message so far, oldest first. */
  readonly received: () => readonly Received[]
  /** From now on it says this of its tool `search`; null: what it said at first. */
  readonly describeSearch: (description: string | null) => void
}

const Message = z.object({ method: z.string(), params: z.object({ name: z.string() }).optional().catch(undefined) })

/** Port 0: a free one. */
export async function startDesk(options: { readonly port: number }): Promise<Desk> {
  const received: Received[] = []
  let search = SEARCH
  const mcp = createMcpHandler(() => desk(search))
  const server = createServer((request, response) => {
    serve(mcp, request, response, received).catch(() => response.destroy())
  })
  const { origin, close } = await listen(server, options.port)
  return {
    url: `${origin}/mcp`,
    received: () => [...received],
    describeSearch: (description) => (search = description ?? SEARCH),
    async close() {
      await mcp.close()
      await close()
    },
  }
}

const SEARCH = "Search the tickets"

function desk(search: string): McpServer {
  const server = new McpServer({ name: "desk", version: "1.0.0" })
  server.registerTool(
    "read-ticket",
    { description: "Read a ticket", inputSchema: z.object({ ticket: z.string() }) },
    ({ ticket }) => say({ ticket, subject: "The printer is on fire", customer: "c-7", state: "open" }),
  )
  server.registerTool(
    "read-customer",
    { description: "Read a customer's personal data", inputSchema: z.object({ customer: z.string() }) },
    ({ customer }) => say({ customer, name: "Ada Example", email: "ada@example.com", born: "1990-12-10" }),
  )
  server.registerTool(
    "send-mail",
    { description: "Send a mail to anybody", inputSchema: z.object({ to: z.string(), subject: z.string() }) },
    ({ to, subject }) => say({ sent: true, to, subject }),
  )
  server.registerTool("search", { description: search, inputSchema: z.object({ query: z.string() }) }, ({ query }) =>
    say({ query, tickets: ["42", "43"] }),
  )
  return server
}

function say(value: Readonly<Record<string, unknown>>) {
  return { content: [{ type: "text" as const, text: JSON.stringify(value) }] }
}

async function serve(
  mcp: McpHttpHandler,
  request: IncomingMessage,
  response: ServerResponse,
  received: Received[],
): Promise<void> {
  const body = await buffer(request)
  received.push({ ...message(body, request), headers: tellingHeaders(request.headers) })

  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value))
  const gone = new AbortController()
  response.once("close", () => gone.abort())
  const { method = "GET", url = "/" } = request
  const answer = await mcp.fetch(
    new Request(new URL(url, "http://127.0.0.1"), {
      method,
      headers,
      signal: gone.signal,
      ...(method === "GET" || method === "HEAD" ? {} : { body }),
    }),
  )

  response.writeHead(answer.status, [...answer.headers].flat())
  if (answer.body === null) return void response.end()
  await pipeline(Readable.from(answer.body), response)
}

/** A message without a body, such as the GET that opens a stream, goes by its HTTP method. */
function message(body: Buffer, { method = "" }: IncomingMessage): { method: string; name: string } {
  try {
    const parsed = Message.parse(JSON.parse(body.toString()))
    return { method: parsed.method, name: parsed.params?.name ?? "" }
  } catch {
    return { method, name: "" }
  }
}
