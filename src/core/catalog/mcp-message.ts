/**
 * MCP over streamable HTTP: a request to a registered server's endpoint → tool and arguments. They are read from the
 * JSON-RPC body if the gateway passes it on, otherwise from the Mcp-* headers, if the server is known to enforce these.
 * Source: MCP 2025-11-25 and 2026-07-28, "Transports".
 */
import { deny, isDenied, type Denied } from "../denials/denied.ts"
import { unseenOf } from "./arguments.ts"
import { INEXACT, isJsonType, isObject, readLoosely } from "../encoding/json.ts"
import { asksForOtherMethod, METHOD_IN_ARGUMENT } from "./method-override.ts"
import { lifecycleName } from "./lifecycle.ts"
import { isNamedInBody, methodOfClient } from "./mcp-methods.ts"
import { confusableKey } from "../encoding/name-folding.ts"
import type { Body, CallHeaders } from "./call-request.ts"
import { parseCallBody } from "./json-body.ts"
import { callByHeaders, callOf, lifecycle, refuse, responseCall, type McpCall, type Members } from "./mcp-call.ts"
import { ANSWERS, kindsOfInputResponses } from "./mcp-response.ts"
import type { McpServer } from "./mcp-server.ts"

/** Protocol versions whose servers must compare headers with the body. Unknown versions are not believed. */
export const HEADERS_SINCE = "2026-07-28"
const VERSIONS_WITH_HEADERS = new Set([HEADERS_SINCE])

export function readMcpCall(server: McpServer, method: string, headers: CallHeaders, body: Body): McpCall | Denied {
  // A server that reads such a body nevertheless would take it for a message.
  if (method !== "POST" && body.kind !== "withheld" && body.text !== "") return refuse("only a POST has a body")
  if (method === "GET") return streamCall(server, headers.lastEventId)
  if (method === "DELETE") return lifecycle(server, "end")
  if (method !== "POST") return deny({ reason: "tool_unknown", called: `${server.name} ${method}` })
  if (body.kind === "withheld") return fromHeaders(server, headers)
  return body.kind === "whole" ? fromBody(server, headers, body) : refuse(NOT_JSON)
}

/** A resumed stream repeats what was sent on it, which may be the response to any call (MCP 2025-11-25, "Transports"). */
function streamCall(server: McpServer, lastEventId: string | null): McpCall {
  return lastEventId === null ? lifecycle(server, "stream") : lifecycle(server, "resume", { lastEventId })
}

type WholeBody = Extract<Body, { readonly kind: "whole" }>

const NOT_JSON = "its body is not JSON in UTF-8, or not declared as such"

/** Members of a JSON-RPC message. */
export const MESSAGE_MEMBERS = ["jsonrpc", "id", "method", "params", "result", "error"] as const
/** Members of a request's params that are read here. */
const PARAMS_MEMBERS = [
  "name",
  "arguments",
  "uri",
  "ref",
  "notifications",
  "taskId",
  "inputResponses",
  "_meta",
] as const

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
    return refuse("a member differs from a known one in its spelling only")
  }
  // A framework that the server is built with may route the message as another request.
  if (Object.entries(message).some(([name, value]) => asksForOtherMethod(name, value, "POST"))) {
    return deny(METHOD_IN_ARGUMENT)
  }
  const { method, params } = message
  // Arguments may remain unseen; all other messages are judged by their contents.
  if (!parsed.isExact && method !== "tools/call") return deny(INEXACT)
  if (method === undefined) return responseCall(server, message)
  if (typeof method !== "string" || "result" in message || "error" in message) {
    return refuse("it is neither a request nor a response")
  }
  const fields = params === undefined ? {} : params
  if (!isObject(fields)) return refuse("its params are no object")
  if (confusableKey(fields, PARAMS_MEMBERS) !== undefined) {
    return refuse("a member differs from a known one in its spelling only")
  }
  const differing = compareHeaders(headers, method, fields)
  if (differing) return differing
  const read = callOf(server, method, fields, unseenOf(text, parsed.isExact))
  if (isDenied(read)) return read
  const call = { ...read, mcpMethod: method }
  const kinds = kindsOfInputResponses(fields["inputResponses"])
  if (kinds?.length === 0) return call
  if (kinds === null) return refuse("what kind of answer it has in `inputResponses` is ambiguous")
  return { ...call, besides: [...(call.besides ?? []), ...kinds.map((kind) => lifecycleName(server.name, kind))] }
}

/** Returns the message in a body; undefined if the body is no JSON, or too long. */
export function messageIn(body: Body): unknown {
  if (body.kind !== "whole") return undefined
  return messages.has(body) ? messages.get(body) : readLoosely(body.text)
}
/** Returns the params of a message that was read already; null if it has none, or none was read. */
export function readParamsOf(body: Body): Members | null {
  const message = messages.get(body)
  return isObject(message) && isObject(message["params"]) ? message["params"] : null
}
/** A denial must name the message that it answers; to parse it again would cost as much as the decision. */
const messages = new WeakMap<Body, unknown>()

function fromHeaders(server: McpServer, headers: CallHeaders): McpCall | Denied {
  const read = callOfHeaders(server, headers)
  if (isDenied(read)) return read
  const method = headers.mcpMethod ?? ""
  // Its body may have answers of each kind, which nobody sees: so each has to be permitted, and none suspended.
  const besides = methodOfClient(method)?.answers && ANSWERS.map((kind) => lifecycleName(server.name, kind))
  return { ...read, mcpMethod: method, byHeaders: true, ...(besides && { besides }) }
}

const distrust = (what: string): Denied => deny({ reason: "mcp_headers_untrusted", what })

/** Why no call of the server is read from headers, whatever they say; null if calls are. */
export function distrustHeaders(server: McpServer): Denied | null {
  if (!server.enforces_headers) return distrust("the server is not known to enforce them")
  return server.judges_answers ? distrust("answers to the server's own requests are in the body") : null
}

function callOfHeaders(server: McpServer, headers: CallHeaders): McpCall | Denied {
  const distrusted = distrustHeaders(server)
  if (distrusted) return distrusted
  // A client can claim any version; an older one would not make the server compare, so its headers prove nothing.
  if (!VERSIONS_WITH_HEADERS.has(headers.mcpProtocolVersion ?? "")) {
    return distrust("the protocol version is not known to have them")
  }
  const method = headers.mcpMethod
  if (method === null) return distrust("Mcp-Method is missing")
  if (isNamedInBody(method)) return distrust("what it names is in the body")
  const name = headers.mcpName === null ? null : decodeHeader(headers.mcpName)
  return callByHeaders(server, method, name) ?? distrust("Mcp-Name is missing or malformed")
}

/**
 * MCP 2026-07-28, streamable HTTP, "Server validation": if a value is in both the header and the body, both must agree;
 * from that version on, the headers are required.
 */
function compareHeaders(headers: CallHeaders, method: string, params: Members): Denied | null {
  const mismatch = (header: string): Denied => deny({ reason: "mcp_header_mismatch", header })
  const required = (headers.mcpProtocolVersion ?? "") >= HEADERS_SINCE
  if (headers.mcpMethod === null ? required : headers.mcpMethod !== method) return mismatch("Mcp-Method")
  const { names, inHeader } = methodOfClient(method) ?? {}
  const member = inHeader ? names : undefined
  if (headers.mcpName === null) return required && member !== undefined ? mismatch("Mcp-Name") : null
  return decodeHeader(headers.mcpName) === params[member ?? "name"] ? null : mismatch("Mcp-Name")
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
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytesOf(encoded))
  } catch {
    return null
  }
}

/** The inverse of `decodeHeader`. */
export function encodeHeader(value: string): string {
  if (/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value) && !BASE64.test(value)) return value
  return `=?base64?${btoa(String.fromCharCode(...new TextEncoder().encode(value)))}?=`
}

/** By `atob`, because this file is read on Node 22 too, which has no `Uint8Array.fromBase64`. */
const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0))
