/**
 * An MCP server as a protected resource: its identifier is the URL to which its clients connect, and its metadata is
 * where that URL makes them look (RFC 9728, section 3.1).
 */
import type { Catalog } from "./locate.ts"
import type { McpServer } from "./mcp-server.ts"

const WELL_KNOWN = "/.well-known/oauth-protected-resource"

export function resourceOf({ origin, path }: Pick<McpServer, "origin" | "path">): string {
  return origin + suffixOf(path)
}

/** The server with that identifier. */
export function serverWith(resource: string, { servers }: Catalog): McpServer | undefined {
  return servers.get(resource) ?? servers.get(`${resource}/`)
}

/**
 * At the server's own origin, where the gateway serves it: the AI SDK accepts no other, and a document from there
 * convinces a client that it is about this server.
 */
export function metadataUrlOf({ origin, path }: Pick<McpServer, "origin" | "path">): string {
  return origin + WELL_KNOWN + suffixOf(path)
}

const suffixOf = (path: string): string => (path === "/" ? "" : path)
