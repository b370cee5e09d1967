/**
 * Which tool a request to the service calls, and with which arguments: read by Narrowgate's own readers, from the same
 * entries as the catalog has. What these would deny as ambiguous is rejected here too.
 */
import { isDenied } from "../src/core/denials/denied.ts"
import type { CallArguments } from "../src/core/catalog/arguments.ts"
import { readLastEventId, type Body } from "../src/core/catalog/call-request.ts"
import { buildEndpointTable, isEndpointToSome } from "../src/core/catalog/endpoint.ts"
import { isOtherMethodInHeaders, METHOD_IN_HEADER } from "../src/core/catalog/method-override.ts"
import { readMcpCall } from "../src/core/catalog/mcp-message.ts"
import type { McpServer } from "../src/core/catalog/mcp-server.ts"
import { LITERAL, readTarget, type Target } from "../src/core/catalog/path.ts"
import { buildRouteTable, matchRoute, routeArguments, type RouteMatch } from "../src/core/catalog/route.ts"
import { CallRejectedError } from "./errors.ts"
import type { ReceivedRequest, ToolRoute, ToolServer, ToolsOptions } from "./service-options.ts"

export interface LocatedCall {
  readonly tool: string
  readonly arguments: CallArguments
  readonly unhashed: boolean
}

/** Finds the call of a request. @throws CallRejectedError */
export type Locate = (request: ReceivedRequest) => Promise<LocatedCall>

/** Where the readers expect an origin: the service has one, and its gateway knows which. */
const ORIGIN = ""
const SHORT = /^([A-Z]+) (\/\S*)$/
/** As a catalog has it: a literal in other characters would be escaped in each request, which is rejected as ambiguous. */
const PATH = new RegExp(`^/[{}/${LITERAL}]*$`, "u")

export function locator({ tools = {}, servers = [] }: ToolsOptions): Locate {
  if (Object.keys(tools).length + servers.length === 0)
    throw new TypeError("`tools` or `servers` have to say what the service offers: no other call is allowed")
  const unhashed = new Set<string>()
  const routes = Object.entries(tools).map(([tool, given]) => {
    const { methods, path, integers = [], query_names = [], unhashed: isUnhashed = false } = routeOf(tool, given)
    if (isUnhashed) unhashed.add(tool)
    return { tool, origin: ORIGIN, methods, path, integers, query_names }
  })
  for (const { path } of [...routes, ...servers])
    if (!PATH.test(path)) throw new TypeError(`${path} is not a path as the catalog may have it`)
  const table = buildRouteTable(routes)
  const byPath = new Map(servers.map((server) => [server.path, server]))
  const endpoints = buildEndpointTable(servers.map(definitionOf))
  return async (request) => {
    if (isOtherMethodInHeaders(request.method, { get: request.header }))
      throw new CallRejectedError("malformed_call", METHOD_IN_HEADER)
    const target = readTarget(request.target)
    if (isDenied(target)) throw new CallRejectedError("malformed_call", target.denied)
    const server = byPath.get(target.path)
    if (server) return messageCall(server, target, request)
    const match = matchRoute(table, ORIGIN, request.method, target)
    if (!match) throw new CallRejectedError("tool_mismatch", "the request is no tool of this service")
    if (match.isAmbiguous || isEndpointToSome(endpoints, ORIGIN, target.segments, match.segments))
      throw new CallRejectedError("malformed_call", "its path is another tool's to some readers")
    return routeCall(match, target, request, unhashed.has(match.definition.tool))
  }
}

function routeOf(tool: string, given: string | ToolRoute): ToolRoute {
  if (typeof given !== "string") return given
  const [, method, path] = SHORT.exec(given) ?? []
  if (method === undefined || path === undefined) throw new TypeError(`the route of ${tool} is not METHOD /path`)
  return { methods: [method], path }
}

async function routeCall(
  match: RouteMatch,
  target: Target,
  request: ReceivedRequest,
  unhashed: boolean,
): Promise<LocatedCall> {
  const read = routeArguments(match, target, await bodyOf(request), { contentType: request.header("Content-Type") })
  if (isDenied(read)) throw new CallRejectedError("malformed_call", read.denied)
  return { tool: match.definition.tool, arguments: read, unhashed }
}

function definitionOf(server: ToolServer): McpServer {
  const { unhashed: _, ...definition } = server
  return { ...definition, origin: ORIGIN, enforces_headers: false }
}

async function messageCall(server: ToolServer, target: Target, request: ReceivedRequest): Promise<LocatedCall> {
  if (target.query.length > 0) throw new CallRejectedError("malformed_call", "an MCP endpoint takes no query")
  const { method, header } = request
  const headers = {
    contentType: header("Content-Type"),
    mcpProtocolVersion: header("Mcp-Protocol-Version"),
    mcpMethod: header("Mcp-Method"),
    mcpName: header("Mcp-Name"),
    lastEventId: readLastEventId(header),
  }
  const read = readMcpCall(definitionOf(server), method, headers, await bodyOf(request))
  if (!isDenied(read)) return { ...read, unhashed: server.unhashed ?? false }
  const isUnknown = read.denied.reason === "tool_unknown"
  throw new CallRejectedError(isUnknown ? "tool_mismatch" : "malformed_call", read.denied)
}

async function bodyOf(request: ReceivedRequest): Promise<Body> {
  const encoding = request.header("Content-Encoding")
  if (encoding !== null && encoding !== "identity") throw new CallRejectedError("malformed_call", "its body is encoded")
  const body = await request.body()
  if (body === null) throw new CallRejectedError("body_too_long")
  return body
}
