/**
 * What the answer to a denied message of an MCP client depends on: which request it is, and what its client can read.
 * Source: JSON-RPC 2.0; MCP 2025-11-25 and 2026-07-28, "Transports".
 */
import { serverAt } from "../core/catalog/locate.ts"
import { HEADERS_SINCE, messageIn } from "../core/catalog/mcp-message.ts"
import { APPROVAL_KEY } from "../core/catalog/mcp-response.ts"
import { isObject } from "../core/encoding/json.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { PresentedCall } from "./presented.ts"

export type MessageId = string | number

export interface DeniedMessage {
  /** Null if the message has none, or none that can be read. */
  readonly id: MessageId | null
  /**
   * `notification`: JSON-RPC gives it no answer, nor a client's own response to a request of the server. `unreadable`:
   * what it is cannot be known.
   */
  readonly kind: "request" | "notification" | "unreadable"
  readonly method: string | null
  /** The tool that the request calls, in the client's own words. */
  readonly tool: string | null
  /** Its client speaks MCP 2026-07-28 or later, and so declares with each request what it can read. */
  readonly isModern: boolean
  /** Its client can be asked to show its user a URL before it repeats the request. */
  readonly opensUrls: boolean
  /** It repeats a request whose client was asked so. */
  readonly hasAnswered: boolean
}

/** The caller could make the answer as long as it likes with a longer one. */
const MAX_ID_LENGTH = 256

const TOOL_CALL = "tools/call"
/** The requests whose answer may ask for input (MCP 2026-07-28, `InputRequiredResult`). */
const ROUND_TRIPS: ReadonlySet<string> = new Set([TOOL_CALL, "resources/read", "prompts/get"])
const CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"

const UNREADABLE: DeniedMessage = {
  id: null,
  kind: "unreadable",
  method: null,
  tool: null,
  isModern: false,
  opensUrls: false,
  hasAnswered: false,
}

/** Undefined if the call is no message to an MCP server. */
export function deniedMessageOf(
  { method, origin, target, body, headers }: PresentedCall,
  { catalog }: Bundle,
): DeniedMessage | undefined {
  if (method !== "POST" || !serverAt(catalog, origin, target)) return undefined
  const message = messageIn(body)
  if (!isObject(message)) return UNREADABLE
  const { id, method: called, params } = message
  if (typeof called !== "string") {
    const isResponse = called === undefined && ("result" in message || "error" in message)
    return isResponse ? { ...UNREADABLE, kind: "notification" } : { ...UNREADABLE, id: readable(id) }
  }
  if (id === undefined) return { ...UNREADABLE, kind: "notification", method: called }
  const answerable = readable(id)
  const isModern = (headers.mcpProtocolVersion ?? "") >= HEADERS_SINCE
  const { name, _meta: meta, inputResponses } = isObject(params) ? params : {}
  return {
    id: answerable,
    kind: answerable === null ? "unreadable" : "request",
    method: called,
    tool: called === TOOL_CALL && typeof name === "string" ? name : null,
    isModern,
    opensUrls: isModern && ROUND_TRIPS.has(called) && announcesUrls(meta),
    hasAnswered: isObject(inputResponses) && Object.hasOwn(inputResponses, APPROVAL_KEY),
  }
}

/**
 * Null for an id that does not come back as it was sent: a number that is not exact as a double is another number, and
 * one beyond any double is none.
 */
function readable(id: unknown): MessageId | null {
  if (typeof id === "number")
    return Number.isFinite(id) && (!Number.isInteger(id) || Number.isSafeInteger(id)) ? id : null
  return typeof id === "string" && id.length <= MAX_ID_LENGTH ? id : null
}

function announcesUrls(meta: unknown): boolean {
  const capabilities = isObject(meta) ? meta[CAPABILITIES] : null
  const elicitation = isObject(capabilities) ? capabilities["elicitation"] : null
  return isObject(elicitation) && isObject(elicitation["url"])
}
