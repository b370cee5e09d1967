/**
 * Located: which tool of the catalog a presented call is, with which arguments. What the catalog does not know is
 * denied; there is no default tool.
 */
import { deny, isDenied, type Denied } from "../decision.ts"
import type { CallArguments } from "./arguments.ts"
import type { Lookup } from "./lookup.ts"
import { readMcpCall, type McpServer } from "./mcp-server.ts"
import { readTarget } from "./path.ts"
import { buildRouteTable, matchRoute, routeArguments, type RouteDefinition, type RouteTable } from "./route.ts"
import type { Seen } from "./seen.ts"
import type { Tool } from "./tool.ts"

export interface Located {
  readonly tool: Tool
  readonly arguments: CallArguments
  /** Path without query, for the record and for DPoP's `htu`. */
  readonly path: string
  /** Read from the headers of a request to an MCP server, whose body nobody saw. */
  readonly byHeaders: boolean
}

export interface Catalog {
  /** By name. */
  readonly tools: Lookup<Tool>
  /** By origin and path. */
  readonly servers: ReadonlyMap<string, McpServer>
  readonly routes: RouteTable
}

export function buildCatalog(
  tools: Lookup<Tool>,
  servers: readonly McpServer[],
  routes: readonly RouteDefinition[],
): Catalog {
  return {
    tools,
    servers: new Map(servers.map((server) => [server.origin + server.path, server])),
    routes: buildRouteTable(routes),
  }
}

export function locate(catalog: Catalog, call: Seen): Located | Denied {
  const target = readTarget(call.target)
  if (isDenied(target)) return target
  const server = catalog.servers.get(`${call.origin}/${target.segments.join("/")}`)
  if (server) {
    // A query is no part of MCP; what an upstream might read from it is unknown.
    if (target.query.length > 0) return deny({ reason: "target_ambiguous", what: "an MCP endpoint takes no query" })
    const read = readMcpCall(server, call.method, call.headers, call.body)
    if (isDenied(read)) return read
    return found(catalog, read.tool, read.arguments, target.path, read.byHeaders)
  }
  const match = matchRoute(catalog.routes, call.origin, call.method, target)
  if (!match) return deny({ reason: "tool_unknown", called: `${call.method} ${target.path.slice(0, 256)}` })
  const args = routeArguments(match, target, call.body, call.headers)
  return isDenied(args) ? args : found(catalog, match.definition.tool, args, target.path, false)
}

function found(
  catalog: Catalog,
  name: string,
  args: CallArguments,
  path: string,
  byHeaders: boolean,
): Located | Denied {
  const tool = catalog.tools.get(name)
  return tool ? { tool, arguments: args, path, byHeaders } : deny({ reason: "tool_unknown", called: name })
}
