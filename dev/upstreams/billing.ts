/** `billing`, the MCP server of the demo that refunds money: the calls that need an approval. No money moves. */
import { McpServer } from "@modelcontextprotocol/server"
import { z } from "zod"
import { type McpUpstream, say, startMcp } from "./mcp.ts"

const CENTS = z.int().positive().describe("In cents")

/** Port 0: a free one. */
export async function startBilling(options: { readonly port: number }): Promise<McpUpstream> {
  return startMcp(options.port, billing)
}

function billing(): McpServer {
  const server = new McpServer({ name: "billing", version: "1.0.0" })
  server.registerTool(
    "read-order",
    { description: "Read an order", inputSchema: z.object({ order: z.string() }) },
    ({ order }) => say({ order, customer: "c-7", total: 24_900, currency: "EUR", state: "delivered" }),
  )
  server.registerTool(
    "refund",
    {
      description: "Give money back for an order",
      inputSchema: z.object({ order: z.string(), amount: CENTS, reason: z.string().optional() }),
    },
    ({ order, amount }) => say({ refunded: amount, order }),
  )
  return server
}
