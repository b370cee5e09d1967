/**
 * `desk`, the MCP server of the demo: reads tickets and personal data, and could send them outside. Stateless, speaks
 * MCP 2026-07-28 as well as the older revisions. It pretends: no mail leaves.
 */
import { McpServer } from "@modelcontextprotocol/server"
import { z } from "zod"
import { type McpUpstream, say, startMcp } from "./mcp.ts"

export interface Desk extends McpUpstream {
  /** Changes the description of its tool `search`; null restores the first one. */
  readonly describeSearch: (description: string | null) => void
}

/** Port 0: a free one. */
export async function startDesk(options: { readonly port: number }): Promise<Desk> {
  let search = SEARCH
  const mcp = await startMcp(options.port, () => desk(search))
  return { ...mcp, describeSearch: (description) => (search = description ?? SEARCH) }
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
