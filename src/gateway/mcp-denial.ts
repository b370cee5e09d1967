/**
 * What an MCP client gets in answer to a denied message, and with which status. Many clients take every status beside
 * 200 and 202 for the end of their session, so a gateway with `denials: mcp` passes on an answer such as the server
 * itself would give. Narrowgate's own answer to the gateway is never a 2xx, which would be an allow: the status for the
 * client stands in `X-Narrowgate-Status`. What clients act on by status is not touched: a challenge, or headers that
 * contradict the body. Source: JSON-RPC 2.0, sections 4.1 and 5.1; MCP 2025-11-25, "Tools", error handling; MCP
 * 2026-07-28, "Streamable HTTP" and "Multi-round-trip requests".
 */
import { codeOf, type Denial } from "../core/denials/denial.ts"
import { approvalRequest } from "../core/denials/denial-text.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"
import { APPROVAL_KEY } from "../core/catalog/mcp-response.ts"
import type { DeniedMessage } from "./json-rpc.ts"
import { modelText, type ModelText } from "./model-text.ts"
import { structuredDenial } from "./structured-denial.ts"

export interface DeniedRequest extends Omit<ModelText, "message"> {
  /** What any other client would get. */
  readonly members: { readonly error_description: string }
  /** The status that any other client would get. */
  readonly status: number
  readonly gateway: Pick<GatewayDefinition, "denials" | "experimental">
  /** The answer has a header that the client acts on, if the status is its own. */
  readonly isChallenge: boolean
}

export interface ClientAnswer {
  readonly status: number
  /** Null: none. */
  readonly body: unknown
}

const HEADER_MISMATCH = -32_020
const INVALID_REQUEST = -32_600
const METHOD_NOT_FOUND = -32_601
/** One of the codes that are left to servers (-32000 to -32019); our own code in `data` tells the denials apart. */
const REFUSED = -32_001

/** Where a program finds in a result what other answers have as their body. */
const META_KEY = "narrowgate/denial"

export function answerToMessage(message: DeniedMessage, denied: DeniedRequest): ClientAnswer {
  const { denial, gateway, status } = denied
  const error = (): unknown => ({ jsonrpc: "2.0", id: message.id, error: errorOf(message, denied) })
  // MCP 2026-07-28 gives an unknown method 404, which to a client of an older version is the end of its session.
  const isOfHttp = denial.reason === "mcp_header_mismatch" || (denial.reason === "method_unknown" && message.isModern)
  if (gateway.denials === "http" || denied.isChallenge || isOfHttp || message.kind === "unreadable")
    return { status, body: error() }
  // A sender of a notification waits for no answer, and some clients end their session at any other status.
  if (message.kind === "notification") return { status: 202, body: null }
  const result = asksForApproval(message, denied) ?? toolResult(message, denied)
  return { status: 200, body: result ? { jsonrpc: "2.0", id: message.id, result } : error() }
}

function errorOf(message: DeniedMessage, { members: data, ...denied }: DeniedRequest): unknown {
  const { denial } = denied
  const text = denial.reason === "method_unknown" ? data.error_description : modelText({ ...denied, message })
  return { code: errorCodeOf(denial), message: text, data }
}

function errorCodeOf(denial: Denial): number {
  switch (denial.reason) {
    case "mcp_header_mismatch":
      return HEADER_MISMATCH
    case "method_unknown":
      return METHOD_NOT_FOUND
    default:
      return codeOf(denial) === "malformed_call" ? INVALID_REQUEST : REFUSED
  }
}

/**
 * A tool's error is a result, which clients show to their model. No `structuredContent`: clients compare it with the
 * output schema of the tool, also if the result is an error.
 */
function toolResult(message: DeniedMessage, denied: DeniedRequest): unknown {
  if (message.tool === null) return null
  const content = [{ type: "text", text: modelText({ ...denied, message }) }]
  return { ...(message.isModern && { resultType: "complete" }), content, isError: true, _meta: metaOf(denied, false) }
}

/**
 * Asks the client to show its user the page of the approval, and to repeat the request then, which is decided anew like
 * any other: the answer contains no `requestState`, so what the client sends back means nothing here. A client that has
 * done so gets an ordinary result while the approval is pending, because it would otherwise ask its user again at once.
 */
function asksForApproval(message: DeniedMessage, denied: DeniedRequest): unknown {
  const { approval } = denied
  if (!approval || approval.status !== "pending" || !message.opensUrls || message.hasAnswered) return null
  const text = approvalRequest(message, approval)
  const params = { mode: "url", message: text, url: approval.url }
  return {
    resultType: "input_required",
    inputRequests: { [APPROVAL_KEY]: { method: "elicitation/create", params } },
    _meta: metaOf(denied, true),
  }
}

/** @param opensPage the result asks the client to open the page of the approval */
const metaOf = (denied: DeniedRequest, opensPage: boolean): unknown => ({
  [META_KEY]: denied.members,
  ...(denied.gateway.experimental?.includes("structured-denials") && structuredDenial(denied, opensPage)),
})
