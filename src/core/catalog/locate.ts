/**
 * Locates a presented call: which tool of the catalog it calls, with which arguments. A call of a tool that the catalog
 * does not have is denied; there is no default tool.
 */
import { QUERY_PART } from "../denials/terms/query-part.ts"
import { deny, isDenied, type Denied } from "../denials/denial.ts"
import { variantOf, type CallArguments } from "./arguments.ts"
import type { Lookup } from "../encoding/lookup.ts"
import { methodInBody } from "./method-in-body.ts"
import { asksForOtherMethod, METHOD_IN_ARGUMENT } from "./method-override.ts"
import { readMcpCall } from "./mcp-message.ts"
import type { McpServer } from "./mcp-server.ts"
import { readTarget, type Target } from "./path.ts"
import { isRedacted, REDACTED, redactedNames } from "./redaction.ts"
import { buildEndpointTable, isEndpointToSome, type EndpointTable } from "./endpoint.ts"
import { allRoutes, buildRouteTable, matchRoute, routeArguments } from "./route.ts"
import type { RouteDefinition, RouteTable, Segments } from "./route.ts"
import type { CallRequest } from "./call-request.ts"
import type { Tool } from "./tool.ts"

export interface Located {
  readonly tool: Tool
  readonly arguments: CallArguments
  /** The path as sent, without query, for the record; and which of its segments are arguments. */
  readonly path: string
  readonly segments: Segments
  /** Read from the headers of a request to an MCP server whose body was not seen. */
  readonly byHeaders: boolean
  /** Tools that have to be permitted as well, as of `McpCall`; absent if none. */
  readonly besides?: readonly string[]
  /** As of `McpCall`. */
  readonly mcpMethod?: string
}

export interface Catalog {
  /** By name. */
  readonly tools: Lookup<Tool>
  /** By origin and path. */
  readonly servers: ReadonlyMap<string, McpServer>
  readonly endpoints: EndpointTable
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
    endpoints: buildEndpointTable(servers),
    routes: buildRouteTable(routes),
  }
}

export function locate(catalog: Catalog, call: CallRequest): Located | Denied {
  const target = readTarget(call.target)
  if (isDenied(target)) return target
  // As it is written: Express does not decode a path before it chooses a route.
  const server = catalog.servers.get(call.origin + target.path)
  if (server) {
    // A query is no part of MCP; nobody knows what an upstream would read from it.
    if (target.query.length > 0) return deny({ reason: "target_ambiguous", what: "an MCP endpoint takes no query" })
    const read = readMcpCall(server, call.method, call.headers, call.body)
    if (isDenied(read)) return read
    const { tool, ...rest } = read
    return found(catalog, tool, { ...rest, path: target.path, segments: NO_SEGMENTS })
  }
  const match = matchRoute(catalog.routes, call.origin, call.method, target)
  if (!match)
    return deny({ reason: "tool_unknown", called: `${call.method} ${shownPath(catalog, call.origin, target)}` })
  if (match.isAmbiguous)
    return deny({ reason: "target_ambiguous", what: "its path is another route's to some readers" })
  // A message to it would be judged as a call of the route (Express finds `/desk/mcp` at `/desk/MCP`).
  if (isEndpointToSome(catalog.endpoints, call.origin, target.segments, match.segments))
    return deny({ reason: "target_ambiguous", what: "its path is an MCP server's to some readers" })
  const args = routeArguments(match, target, call.body, call.headers)
  if (isDenied(args)) return args
  const isOtherMethod = Object.entries(args.values).some(([name, value]) =>
    asksForOtherMethod(name, value, call.method),
  )
  // A body that is not read as arguments may still ask for another method, which upstreams take from any body.
  const objection = isOtherMethod ? METHOD_IN_ARGUMENT : args.complete ? null : methodInBody(call)
  if (objection) return deny(objection)
  const { definition, segments } = match
  return found(catalog, definition.tool, { arguments: args, path: target.path, segments, byHeaders: false })
}

/** The MCP server to whose endpoint a target leads, whatever the call; undefined if it leads to none. */
export function serverAt({ servers }: Catalog, origin: string, target: string): McpServer | undefined {
  const [path = ""] = target.split("?", 1)
  return servers.get(origin + path)
}

/** The path of an MCP endpoint contains no arguments. */
export const NO_SEGMENTS: Segments = []

/** More than any tool has: each argument is processed several times during a decision. */
const MAX_ARGUMENTS = 1_000

function found(catalog: Catalog, name: string, call: Omit<Located, "tool">): Located | Denied {
  if (Object.keys(call.arguments.values).length > MAX_ARGUMENTS) {
    return deny({ reason: "body_rejected", what: `it has more than ${MAX_ARGUMENTS} arguments` })
  }
  const tool = catalog.tools.get(name)
  if (!tool) return deny({ reason: "tool_unknown", called: name })
  // A redacted argument under another name would be shown in records, approvals and notifications.
  const names = redactedNames(tool)
  if (variantOf(call.arguments, names) === null) return { tool, ...call }
  if (call.arguments.unplain !== undefined) return deny({ reason: "argument_variant", argument: QUERY_PART })
  // Named as the catalog spells it, because the name that was sent may contain the value.
  const redacted = [...names].find((each) => variantOf(call.arguments, new Set([each])) !== null)
  return deny({ reason: "argument_variant", argument: redacted ?? QUERY_PART })
}

/**
 * Returns the path of a request that calls no tool, as records show it. A client that adds a slash or a segment,
 * changes the case, or sends the request to another origin calls no tool, but its path still contains what a tool
 * redacts. So if any tool redacts a part of its path, only the literal segments of this origin's routes are shown.
 */
export function shownPath(catalog: Catalog, origin: string, { path }: Target): string {
  const literals = literalsOf(catalog, origin)
  const parts = literals ? path.split("/").map((part) => (literals.has(part.toLowerCase()) ? part : REDACTED)) : [path]
  return parts.join("/").slice(0, 256)
}

/** Lower case; null if no tool redacts a part of its path. */
function literalsOf(catalog: Catalog, origin: string): ReadonlySet<string> | null {
  let ofCatalog = literalsOfOrigins.get(catalog)
  if (!ofCatalog) literalsOfOrigins.set(catalog, (ofCatalog = new Map()))
  let found = ofCatalog.get(origin)
  if (found === undefined) ofCatalog.set(origin, (found = findLiterals(catalog, origin)))
  return found
}
const literalsOfOrigins = new WeakMap<Catalog, Map<string, ReadonlySet<string> | null>>()

function findLiterals({ routes, tools }: Catalog, origin: string): ReadonlySet<string> | null {
  const all = allRoutes(routes)
  const redacts = all.some(({ definition: { tool }, segments }) =>
    segments.some((name) => name !== null && isRedacted(name, tools.get(tool)?.redact ?? [])),
  )
  if (!redacts) return null
  const own = all.filter(({ definition }) => definition.origin === origin)
  const parts = own.flatMap(({ definition, segments }) =>
    definition.path
      .slice(1)
      .split("/")
      .filter((_part, index) => segments[index] === null),
  )
  // The parts before the first slash and after the last.
  return new Set(["", ...parts.map((part) => part.toLowerCase())])
}
