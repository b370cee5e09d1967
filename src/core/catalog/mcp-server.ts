/**
 * MCP over streamable HTTP: a request to a registered server's endpoint → tool and arguments. They are read from the
 * JSON-RPC body if the gateway passes it on, otherwise from the Mcp-* headers, if the server is known to enforce these.
 * Source: MCP 2025-11-25 and 2026-07-28, "Transports".
 */
import { deny, isDenied, type Denied } from "../denials/denial.ts"
import { NO_ARGUMENTS, UNSEEN, UNSEEN_ARGUMENTS, unseenOf, type CallArguments } from "./arguments.ts"
import { INEXACT, isJsonType, isObject, readLoosely } from "../encoding/json.ts"
import { asksForOtherMethod, METHOD_IN_ARGUMENT } from "./method-override.ts"
import { LIFECYCLE_SEGMENT, lifecycleName, type LifecycleTool } from "./lifecycle.ts"
import { asciiText } from "../encoding/display-text.ts"
import { confusableKey } from "../encoding/name-folding.ts"
import type { Body, CallHeaders } from "./call-request.ts"
import { parseCallBody } from "./json-body.ts"

export interface McpServer {
  /** The first segment of its tools' names. */
  readonly name: string
  readonly origin: string
  /** The path of its streamable HTTP endpoint at the gateway. */
  readonly path: string
  /**
   * The server has been shown to reject a request whose `Mcp-*` headers and body differ (-32020), so its headers may be
   * believed.
   */
  readonly enforces_headers: boolean
  /**
   * How a probe checks at intervals what tools the server has, and whether it enforces headers; absent if no probe
   * does.
   */
  readonly probe?: Probe
}

export interface Probe {
  /** The server's endpoint as Narrowgate itself reaches it, not through the gateway. */
  readonly url: string
  /** Name of the variable that holds the value of `Authorization`; absent if none is sent. */
  readonly secret?: string
}

/** Names that `secret` may have: a bundle must not be able to send the Worker's other secrets anywhere. */
export const PROBE_SECRET = /^PROBE_[A-Z0-9_]{1,58}$/

export interface McpCall {
  /** The tool's name in the catalog. */
  readonly tool: string
  readonly arguments: CallArguments
  /** The call was read from headers alone. */
  readonly byHeaders: boolean
}

/** Protocol versions whose servers must compare headers with the body. Unknown versions are not believed. */
export const HEADERS_SINCE = "2026-07-28"
const VERSIONS_WITH_HEADERS = new Set([HEADERS_SINCE])
/** A tool's own name, as it may follow `server.` in the catalog. */
const TOOL_NAME = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/

export function readMcpCall(server: McpServer, method: string, headers: CallHeaders, body: Body): McpCall | Denied {
  // A server that reads such a body nevertheless would take it for a message.
  if (method !== "POST" && body.kind !== "withheld" && body.text !== "") return refuse("only a POST has a body")
  if (method === "GET") return lifecycle(server, "stream")
  if (method === "DELETE") return lifecycle(server, "end")
  if (method !== "POST") return deny({ reason: "tool_unknown", called: `${server.name} ${method}` })
  if (body.kind === "withheld") return fromHeaders(server, headers)
  return body.kind === "whole" ? fromBody(server, headers, body) : refuse(NOT_JSON)
}

/** Methods that every catalog has without listing them; any other is unknown. */
const LIFECYCLE_OF_METHOD: ReadonlyMap<string, LifecycleTool> = new Map([
  ["initialize", "initialize"],
  ["ping", "ping"],
  ["server/discover", "discover"],
  ["tools/list", "tools-list"],
])

function lifecycle(server: McpServer, tool: LifecycleTool): McpCall {
  return { tool: lifecycleName(server.name, tool), arguments: NO_ARGUMENTS, byHeaders: false }
}

type WholeBody = Extract<Body, { readonly kind: "whole" }>

const refuse = (what: string): Denied => deny({ reason: "mcp_rejected", what })
const NOT_JSON = "its body is not JSON in UTF-8, or not declared as such"

/** Members of a JSON-RPC message. */
export const MESSAGE_MEMBERS = ["jsonrpc", "id", "method", "params", "result", "error"] as const
/** Members of a request's params that are read here. */
const PARAMS_MEMBERS = ["name", "arguments", "uri", "_meta"] as const

function fromBody(server: McpServer, headers: CallHeaders, body: WholeBody): McpCall | Denied {
  const { text } = body
  // Streamable HTTP: the body is one JSON-RPC message, and its Content-Type says so.
  if (!isJsonType(headers.contentType)) return refuse(NOT_JSON)
  const parsed = parseCallBody(text)
  if ("denied" in parsed) return parsed
  const message = parsed.json
  messages.set(body, message)
  // Batches ended with MCP 2025-06-18; one answer cannot decide several calls.
  if (Array.isArray(message)) return refuse("it is a batch")
  if (!isObject(message) || message["jsonrpc"] !== "2.0") return refuse("it is no JSON-RPC 2.0 message")
  if (confusableKey(message, MESSAGE_MEMBERS) !== undefined) {
    return refuse("a member differs from a known one in case only")
  }
  // A framework that the server is built with may route the message as another request.
  if (Object.entries(message).some(([name, value]) => asksForOtherMethod(name, value, "POST"))) {
    return deny(METHOD_IN_ARGUMENT)
  }
  const { method, params } = message
  // Arguments may remain unseen; all other messages are judged by their contents.
  if (!parsed.isExact && method !== "tools/call") return deny(INEXACT)
  if (method === undefined) {
    return "result" in message || "error" in message ? lifecycle(server, "response") : refuse("it has no method")
  }
  if (typeof method !== "string" || "result" in message || "error" in message) {
    return refuse("it is neither a request nor a response")
  }
  const fields = params === undefined ? {} : params
  if (!isObject(fields)) return refuse("its params are no object")
  if (confusableKey(fields, PARAMS_MEMBERS) !== undefined) {
    return refuse("a member differs from a known one in case only")
  }
  const differing = compareHeaders(headers, method, fields)
  if (differing) return differing
  if (method !== "tools/call") return lifecycleOf(server, method)
  const { name, arguments: args } = fields
  if (typeof name !== "string") return refuse("it names no tool")
  if (args !== undefined && !isObject(args)) return refuse("its arguments are no object")
  if (args === undefined) return toolCall(server, name, NO_ARGUMENTS)
  const unseen = unseenOf(text, parsed.isExact)
  return toolCall(server, name, unseen ? { ...UNSEEN_ARGUMENTS, unseen } : { complete: true, values: args })
}

/** Returns the message in a body; undefined if the body is no JSON, or too long. */
export function messageIn(body: Body): unknown {
  if (body.kind !== "whole") return undefined
  return messages.has(body) ? messages.get(body) : readLoosely(body.text)
}
/** A denial must name the message that it answers; to parse it again would cost as much as the decision. */
const messages = new WeakMap<Body, unknown>()

function fromHeaders(server: McpServer, headers: CallHeaders): McpCall | Denied {
  const call = callOfHeaders(server, headers)
  return isDenied(call) ? call : { ...call, byHeaders: true }
}

function callOfHeaders(server: McpServer, headers: CallHeaders): McpCall | Denied {
  const distrust = (what: string): Denied => deny({ reason: "mcp_headers_untrusted", what })
  if (!server.enforces_headers) return distrust("the server is not known to enforce them")
  // A client can claim any version; an older one would not make the server compare, so its headers prove nothing.
  if (!VERSIONS_WITH_HEADERS.has(headers.mcpProtocolVersion ?? "")) {
    return distrust("the protocol version is not known to have them")
  }
  const method = headers.mcpMethod
  if (method === null) return distrust("Mcp-Method is missing")
  if (method !== "tools/call") return lifecycleOf(server, method)
  const name = headers.mcpName === null ? null : decodeHeader(headers.mcpName)
  return name === null ? distrust("Mcp-Name is missing or malformed") : toolCall(server, name, UNSEEN_BY_HEADERS)
}

const UNSEEN_BY_HEADERS: CallArguments = { ...UNSEEN_ARGUMENTS, unseen: UNSEEN.headers }

function toolCall(server: McpServer, name: string, args: CallArguments): McpCall | Denied {
  const tool = catalogName(server, name)
  return tool === null
    ? deny({ reason: "tool_unknown", called: `${server.name}.${asciiText(name)}` })
    : { tool, arguments: args, byHeaders: false }
}

/** Returns the name of a server's own tool in the catalog; null if no tool of a catalog can have that name. */
export function catalogName(server: Pick<McpServer, "name">, name: string): string | null {
  // A server's own tool must not pass for a lifecycle tool.
  if (!TOOL_NAME.test(name) || name.split(".")[0] === LIFECYCLE_SEGMENT) return null
  return `${server.name}.${name}`
}

function lifecycleOf(server: McpServer, method: string): McpCall | Denied {
  const tool = method.startsWith("notifications/") ? "notifications" : LIFECYCLE_OF_METHOD.get(method)
  return tool
    ? lifecycle(server, tool)
    : deny({ reason: "method_unknown", called: `${server.name} ${asciiText(method)}` })
}

/**
 * MCP 2026-07-28, streamable HTTP, "Server validation": if a value is in both the header and the body, both must agree;
 * from that version on, the headers are required.
 */
function compareHeaders(
  headers: CallHeaders,
  method: string,
  params: Readonly<Record<string, unknown>>,
): Denied | null {
  const mismatch = (header: string): Denied => deny({ reason: "mcp_header_mismatch", header })
  const required = (headers.mcpProtocolVersion ?? "") >= HEADERS_SINCE
  if (headers.mcpMethod === null ? required : headers.mcpMethod !== method) return mismatch("Mcp-Method")
  const named = method === "resources/read" ? params["uri"] : params["name"]
  const expectsName = method === "tools/call" || method === "resources/read" || method === "prompts/get"
  if (headers.mcpName === null) return required && expectsName ? mismatch("Mcp-Name") : null
  return decodeHeader(headers.mcpName) === named ? null : mismatch("Mcp-Name")
}

const BASE64 = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/

/**
 * `=?base64?…?=` carries what a header cannot (MCP 2026-07-28, "Value encoding"). Returns null if the value is
 * malformed.
 */
export function decodeHeader(value: string): string | null {
  const encoded = BASE64.exec(value)?.[1]
  if (encoded === undefined) return /^[\x20-\x7e]*$/.test(value) ? value : null
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.fromBase64(encoded))
  } catch {
    return null
  }
}
