/** Messages to the MCP server `docs` of the yard (docs-server.ts), through a gateway. */
import { callWith, type ClientRequest } from "./gateways.ts"

export const post = async (token: string, body: string, more: Partial<ClientRequest> = {}, gateway = "envoy") =>
  callWith(
    token,
    "/docs/mcp",
    { method: "POST", body, ...more, headers: { "Content-Type": "application/json", ...more.headers } },
    gateway,
  )
