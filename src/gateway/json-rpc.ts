/**
 * What a refusal says to a client of MCP: the error of JSON-RPC 2.0 that answers its very message, with all that the
 * other answers say in `data`.
 * Source: JSON-RPC 2.0, 5.1; MCP 2026-07-28, streamable HTTP, "Server validation".
 */
import { codeOf, type Denial } from "../core/denials/denial.ts"
import { messageIn } from "../core/catalog/mcp-server.ts"
import { isObject } from "../core/encoding/json.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { PresentedCall } from "./presented.ts"

/** `id` of the message that is refused; null where it has none, or none that can be told. */
export type MessageId = string | number | null

/** Of a longer one the answer would be the caller's to blow up. */
const MAX_ID_LENGTH = 256
const HEADER_MISMATCH = -32_020
const INVALID_REQUEST = -32_600
/** One of the codes that are left to servers (-32000 to -32019): by our own code, in `data`, they are told apart. */
const REFUSED = -32_001

/** Undefined: what was asked about is no message to a server of MCP. */
export function messageIdOf(
  { method, origin, target, body }: PresentedCall,
  { catalog }: Bundle,
): MessageId | undefined {
  const [path = ""] = target.split("?", 1)
  if (method !== "POST" || !catalog.servers.has(origin + path)) return undefined
  const message = messageIn(body)
  const id = isObject(message) ? message["id"] : null
  // Of a number that is not exact another would come back.
  if (typeof id === "number") return Number.isInteger(id) && !Number.isSafeInteger(id) ? null : id
  return typeof id === "string" && id.length <= MAX_ID_LENGTH ? id : null
}

/** @param told what the answer to any other client would be */
export function errorMessage(
  id: MessageId,
  denial: Denial,
  told: Readonly<Record<string, unknown>> & { readonly error_description: string },
): unknown {
  const { error_description: message, ...data } = told
  return { jsonrpc: "2.0", id, error: { code: errorCodeOf(denial), message, data } }
}

function errorCodeOf(denial: Denial): number {
  if (denial.reason === "mcp_header_mismatch") return HEADER_MISMATCH
  return codeOf(denial) === "malformed_call" ? INVALID_REQUEST : REFUSED
}
