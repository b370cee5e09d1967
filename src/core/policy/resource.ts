/**
 * An MCP server as a protected resource: its identifier is the URL to which its clients connect, and its metadata is
 * where that URL makes them look (RFC 9728, section 3.1).
 */
import type { Catalog } from "../catalog/locate.ts"
import type { GatewayDefinition } from "./definition/gateways.ts"
import type { McpServer } from "../catalog/mcp-server.ts"

const WELL_KNOWN = "/.well-known/oauth-protected-resource"

export function resourceOf({ origin, path }: Pick<McpServer, "origin" | "path">): string {
  return origin + suffixOf(path)
}

/** The server with that identifier. */
export function serverWith(resource: string, { servers }: Catalog): McpServer | undefined {
  return servers.get(resource) ?? servers.get(`${resource}/`)
}

/**
 * Where a client that is denied finds how to get a token. Of an MCP server it is at the server's own origin, if its
 * gateway serves it there: the AI SDK accepts no other.
 * @param server that was called; absent if none was
 */
export function metadataUrlOf(issuer: string, gateway: GatewayDefinition, server?: McpServer): string {
  if (server && gateway.serves_metadata) return server.origin + WELL_KNOWN + suffixOf(server.path)
  const ours = `${issuer}${WELL_KNOWN}/${gateway.id}`
  if (!server) return ours
  const isFirst = server.origin === gateway.origins[0]
  return ours + suffixOf(server.path) + (isFirst ? "" : `?origin=${server.origin}`)
}

const suffixOf = (path: string): string => (path === "/" ? "" : path)
