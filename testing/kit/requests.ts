/** A call of a tool as an agent sends it: the HTTP request of its route, or the JSON-RPC message to its MCP server. */
import { suggest } from "../../src/core/encoding/nearest.ts"
import type { RouteDefinition } from "../../src/core/catalog/route.ts"
import type { McpServer } from "../../src/core/catalog/mcp-server.ts"
import { NarrowgateTestError } from "./error.ts"
import type { PolicyParts } from "./setup.ts"

export type Arguments = Readonly<Record<string, unknown>>

export interface AgentRequest {
  readonly origin: string
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly headers: Readonly<Record<string, string>>
  /** Null if it has none. */
  readonly body: string | null
}

export function requestOf({ routes, servers, tools }: PolicyParts, tool: string, args: Arguments): AgentRequest {
  const names = tools.map(({ name }) => name)
  if (names.includes(tool)) {
    const route = routes.find((each) => each.tool === tool)
    if (route) return httpRequest(route, args)
    const server = servers.find(({ name }) => tool.startsWith(`${name}.`))
    if (server) return mcpRequest(server, tool, args)
  }
  throw new NarrowgateTestError(
    "unknown_name",
    `the catalog has no tool \`${tool}\`. ${suggest(tool, names, "Look there.")}`,
  )
}

const WITH_BODY: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"])

/** Arguments stand in the path if it names them; the others in the query, or in the body of a request that changes something. */
function httpRequest({ origin, methods, path, tool }: RouteDefinition, args: Arguments): AgentRequest {
  const left = new Map(Object.entries(args))
  const filled = path.replaceAll(/\{([^}]*)\}/gu, (_segment, name: string) => {
    // Without it, the request would be another tool's, or none's.
    if (!left.has(name))
      throw new NarrowgateTestError("invalid_argument", `\`${tool}\` has the argument \`${name}\` in its path`)
    const value = left.get(name)
    left.delete(name)
    return encodeURIComponent(textOf(value))
  })
  const [method = "GET"] = methods
  if (WITH_BODY.has(method)) {
    const body = JSON.stringify(Object.fromEntries(left))
    return { origin, method, target: filled, headers: { "content-type": "application/json" }, body }
  }
  const query = new URLSearchParams(Array.from(left, ([name, value]) => [name, textOf(value)])).toString()
  return { origin, method, target: query === "" ? filled : `${filled}?${query}`, headers: {}, body: null }
}

/** With the headers that clients of MCP 2026-07-28 send, by which a gateway that forwards no bodies knows the call. */
function mcpRequest(server: McpServer, tool: string, args: Arguments): AgentRequest {
  const { method, name, params } = messageOf(server, tool, args)
  const headers = {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": method,
    "mcp-name": name,
  }
  const _meta = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": { name: "narrowgate-testing", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  }
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { ...params, _meta } })
  return { origin: server.origin, method: "POST", target: server.path, headers, body }
}

interface Message {
  readonly method: string
  readonly name: string
  readonly params: object
}

function messageOf({ name: server, resources = [], prompts = [] }: McpServer, tool: string, args: Arguments): Message {
  const resource = resources.find((each) => each.tool === tool)
  if (resource) {
    const uri = uriOf(resource.pattern, args)
    return { method: "resources/read", name: uri, params: { uri } }
  }
  const prompt = prompts.find((each) => each.tool === tool)?.prompt
  if (prompt !== undefined) return { method: "prompts/get", name: prompt, params: { name: prompt, arguments: args } }
  const name = tool.slice(server.length + 1)
  return { method: "tools/call", name, params: { name, arguments: args } }
}

/** The argument `uri`, or the pattern with the arguments that it names. */
function uriOf(pattern: string, args: Arguments): string {
  if (typeof args["uri"] === "string") return args["uri"]
  return pattern.replaceAll(/\{(\+?)(\w+)\}/gu, (_, plus: string, name: string) => {
    const value = Object.hasOwn(args, name) ? textOf(args[name]) : ""
    if (value === "") {
      throw new NarrowgateTestError(
        "invalid_argument",
        `the resource needs the argument \`${name}\`, or its whole \`uri\``,
      )
    }
    return plus === "" ? encodeURIComponent(value) : value.split("/").map(encodeURIComponent).join("/")
  })
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value)
}
