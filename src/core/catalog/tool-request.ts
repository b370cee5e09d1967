/**
 * The request with which a client calls a tool, as a gateway presents it: the inverse of `locate`. The arguments that are
 * known of a tool's calls behind a gateway are those that `locate` reads from this request. `check` and decision tables
 * read them there, so they cannot differ from those of a real call.
 */
import { isDenied, type Denied } from "../denials/denial.ts"
import type { CallArguments } from "./arguments.ts"
import { unforwardedBody, type Body, type CallHeaders, type CallRequest } from "./call-request.ts"
import { LIFECYCLE_TOOLS, lifecycleName } from "./lifecycle.ts"
import { locate, type Catalog, type Located } from "./locate.ts"
import { encodeHeader, HEADERS_SINCE } from "./mcp-message.ts"
import { METHODS, methodOfClient, type LifecycleTool } from "./mcp-methods.ts"
import type { McpServer } from "./mcp-server.ts"
import { URI_ARGUMENT } from "./resource-pattern.ts"
import { allRoutes, type RouteDefinition } from "./route.ts"

/** The part of a gateway's entry on which it depends. */
export interface Forwarding {
  readonly body: boolean
}

type Arguments = Readonly<Record<string, unknown>>

export interface ToolRequest {
  readonly request: CallRequest
  /** Arguments that each such request has and that were not given: a placeholder stands for them. */
  readonly filled: readonly string[]
}

/** One request for each HTTP method of a route; one for any other tool. None if nothing leads to the tool. */
export function toolRequests(
  catalog: Catalog,
  tool: string,
  args: Arguments,
  forwarding: Forwarding,
): readonly ToolRequest[] {
  const { routes, servers } = tableOf(catalog)
  const own = routes.get(tool)
  if (own) return own.flatMap((route) => route.methods.map((method) => routeRequest(route, method, args, forwarding)))
  const server = servers.get(tool.slice(0, tool.indexOf(".")))
  return server ? [serverRequest(server, tool, args, forwarding)] : []
}

/** The origin at which a tool is called; undefined if nothing leads to it. */
export function originOfTool(catalog: Catalog, tool: string): string | undefined {
  const { routes, servers } = tableOf(catalog)
  return (routes.get(tool)?.[0] ?? servers.get(tool.slice(0, tool.indexOf("."))))?.origin
}

/** As a call with these arguments is located, without the placeholders. */
export function locateTool(catalog: Catalog, { request, filled }: ToolRequest): Located | Denied {
  const located = locate(catalog, request)
  if (isDenied(located) || filled.length === 0) return located
  return { ...located, arguments: without(located.arguments, filled) }
}

function without(args: CallArguments, names: readonly string[]): CallArguments {
  const values = Object.entries(args.values).filter(([name]) => !names.includes(name))
  return { ...args, values: Object.fromEntries(values) }
}

interface Table {
  readonly routes: ReadonlyMap<string, readonly RouteDefinition[]>
  readonly servers: ReadonlyMap<string, McpServer>
}

/** By the names of tools and of servers. */
function tableOf(catalog: Catalog): Table {
  let table = tables.get(catalog)
  if (!table) {
    const definitions = new Set(allRoutes(catalog.routes).map(({ definition }) => definition))
    const servers = new Map([...catalog.servers.values()].map((server) => [server.name, server]))
    tables.set(catalog, (table = { routes: Map.groupBy(definitions, ({ tool }) => tool), servers }))
  }
  return table
}
const tables = new WeakMap<Catalog, Table>()

const NO_HEADERS: CallHeaders = {
  contentType: null,
  mcpProtocolVersion: null,
  mcpMethod: null,
  mcpName: null,
  lastEventId: null,
}
const JSON_TYPE = "application/json"

/** Methods whose arguments clients send in the body. */
const WITH_BODY = new Set(["POST", "PUT", "PATCH"])
/** A segment that has to be there, and that no catalog is likely to have as a literal. */
const PLACEHOLDER = "~"

function routeRequest(route: RouteDefinition, method: string, args: Arguments, forwarding: Forwarding): ToolRequest {
  const { origin, path, integers } = route
  const filled: string[] = []
  const rest = new Map(Object.entries(args))
  const place = path.replaceAll(/\{([^}]+)\}/g, (_part, name: string) => {
    const value = rest.get(name)
    rest.delete(name)
    if (value !== undefined) return encodeURIComponent(textOf(value))
    filled.push(name)
    return integers.includes(name) ? "0" : PLACEHOLDER
  })
  const isInBody = WITH_BODY.has(method)
  const query = isInBody
    ? []
    : Array.from(rest, ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(textOf(value))}`)
  const text = isInBody && rest.size > 0 ? JSON.stringify(Object.fromEntries(rest)) : ""
  const request = {
    origin,
    method,
    target: query.length > 0 ? `${place}?${query.join("&")}` : place,
    headers: { ...NO_HEADERS, contentType: text === "" ? null : JSON_TYPE },
    body: presentedBody(method, text, forwarding),
  }
  return { request, filled }
}

/** A URL carries text. */
function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value)
}

function presentedBody(method: string, text: string, { body }: Forwarding): Body {
  return body ? { kind: "whole", text } : unforwardedBody(method, text !== "")
}

interface Message {
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly result?: Readonly<Record<string, unknown>>
}

function serverRequest(server: McpServer, tool: string, args: Arguments, forwarding: Forwarding): ToolRequest {
  const { origin, path: target } = server
  const lifecycle = LIFECYCLE_TOOLS.find((each) => lifecycleName(server.name, each) === tool)
  const row = lifecycle && rowOf(lifecycle)
  if (row && HTTP_METHODS.has(row.method)) {
    const { method, names } = row
    const lastEventId = names === "Last-Event-ID" ? textOf(args["lastEventId"] ?? PLACEHOLDER) : null
    const filled = lastEventId !== null && args["lastEventId"] === undefined ? ["lastEventId"] : []
    const headers = { ...NO_HEADERS, lastEventId }
    return { request: { origin, method, target, headers, body: presentedBody(method, "", forwarding) }, filled }
  }
  const { message, filled } = lifecycle ? lifecycleMessage(server, lifecycle, args) : entryMessage(server, tool, args)
  const { method = null, params = {} } = message
  const { names, inHeader } = methodOfClient(method ?? "") ?? {}
  const name = inHeader ? params[names ?? ""] : undefined
  const headers = {
    contentType: JSON_TYPE,
    mcpProtocolVersion: HEADERS_SINCE,
    mcpMethod: method,
    mcpName: typeof name === "string" ? encodeHeader(name) : null,
    lastEventId: null,
  }
  const body = presentedBody("POST", JSON.stringify({ jsonrpc: "2.0", id: 1, ...message }), forwarding)
  return { request: { origin, method: "POST", target, headers, body }, filled }
}

const HTTP_METHODS = new Set(["GET", "DELETE"])

/** The message that calls a lifecycle tool, whatever its params; undefined if the tool is an answer to the server. */
function rowOf(lifecycle: LifecycleTool): (typeof METHODS)[number] | undefined {
  const own = METHODS.filter(({ tool }) => tool === lifecycle)
  return own.find((row) => row.if === undefined) ?? own[0]
}

interface FilledMessage {
  readonly message: Message
  readonly filled: readonly string[]
}

function entryMessage(
  { name: prefix, resources = [], prompts = [] }: McpServer,
  tool: string,
  args: Arguments,
): FilledMessage {
  const prompt = prompts.find((each) => each.tool === tool)
  const resource = resources.find((each) => each.tool === tool)
  if (resource) {
    const { uri, filled } = uriFor(resource.pattern, args)
    return { message: { method: "resources/read", params: { uri } }, filled }
  }
  const [method, name] = prompt ? ["prompts/get", prompt.prompt] : ["tools/call", tool.slice(prefix.length + 1)]
  return { message: { method, params: { name, arguments: args } }, filled: [] }
}

function lifecycleMessage(server: McpServer, tool: LifecycleTool, args: Arguments): FilledMessage {
  const { method, names } = rowOf(tool) ?? {}
  if (method === undefined) return { message: { result: RESULTS[tool] ?? {} }, filled: [] }
  if (names === "ref") return { message: { method, params: referenceIn(server) }, filled: [] }
  if (names !== "taskId") return { message: { method }, filled: [] }
  const { taskId } = args
  return {
    message: { method, params: { taskId: taskId ?? PLACEHOLDER } },
    filled: taskId === undefined ? ["taskId"] : [],
  }
}

/** A member by which each is known (mcp-response.ts). */
const RESULTS: Partial<Readonly<Record<LifecycleTool, Message["result"]>>> = {
  elicitation: { action: "accept" },
  sampling: { role: "assistant" },
  roots: { roots: [] },
}

function referenceIn({ resources = [], prompts = [] }: McpServer): NonNullable<Message["params"]> {
  const [prompt] = prompts
  const [resource] = resources
  if (prompt) return { ref: { type: "ref/prompt", name: prompt.prompt } }
  return resource ? { ref: { type: "ref/resource", uri: uriFor(resource.pattern, {}).uri } } : {}
}

/** A URI that is given whole is the client's own. */
function uriFor(pattern: string, args: Arguments): { readonly uri: string; readonly filled: readonly string[] } {
  const given = args[URI_ARGUMENT]
  if (typeof given === "string") return { uri: given, filled: [] }
  const filled: string[] = []
  const uri = pattern.replaceAll(/\{(\+?)([^}]+)\}/g, (_part, plus: string, name: string) => {
    const value = args[name]
    if (value === undefined) filled.push(name, URI_ARGUMENT)
    const text = value === undefined ? PLACEHOLDER : textOf(value)
    return (plus === "" ? [text] : text.split("/")).map(encodeURIComponent).join("/")
  })
  return { uri, filled }
}
