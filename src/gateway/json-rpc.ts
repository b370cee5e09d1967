/**
 * What a denial says to an MCP client: the JSON-RPC error that answers its message, with everything that the other
 * answers say in `data`. Source: JSON-RPC 2.0, section 5.1; MCP 2026-07-28, streamable HTTP, "Server validation".
 */
import { codeOf, type Denial } from "../core/denials/denial.ts"
import { messageIn } from "../core/catalog/mcp-message.ts"
import { isObject } from "../core/encoding/json.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { PresentedCall } from "./presented.ts"

/** `id` of the denied message; null if it has none, or none that can be read. */
export type MessageId = string | number | null

/** The caller could make the answer as long as it likes with a longer one. */
const MAX_ID_LENGTH = 256
const HEADER_MISMATCH = -32_020
const INVALID_REQUEST = -32_600
/** One of the codes that are left to servers (-32000 to -32019); our own code in `data` tells the denials apart. */
const REFUSED = -32_001

/** Undefined if the call is no message to an MCP server. */
export function messageIdOf(
  { method, origin, target, body }: PresentedCall,
  { catalog }: Bundle,
): MessageId | undefined {
  const [path = ""] = target.split("?", 1)
  if (method !== "POST" || !catalog.servers.has(origin + path)) return undefined
  const message = messageIn(body)
  const id = isObject(message) ? message["id"] : null
  // A number that is not exact as a double would come back as another number.
  if (typeof id === "number") return Number.isInteger(id) && !Number.isSafeInteger(id) ? null : id
  return typeof id === "string" && id.length <= MAX_ID_LENGTH ? id : null
}

/** @param members the answer that any other client would get */
export function errorMessage(
  id: MessageId,
  denial: Denial,
  members: Readonly<Record<string, unknown>> & { readonly error_description: string },
): unknown {
  const { error_description: message, ...data } = members
  return { jsonrpc: "2.0", id, error: { code: errorCodeOf(denial), message, data } }
}

function errorCodeOf(denial: Denial): number {
  if (denial.reason === "mcp_header_mismatch") return HEADER_MISMATCH
  return codeOf(denial) === "malformed_call" ? INVALID_REQUEST : REFUSED
}
