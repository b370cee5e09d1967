/**
 * Whether a server compares `Mcp-*` headers with the body, as MCP 2026-07-28 demands ("Streamable HTTP", "Server
 * validation"): the probe sends a request in which they differ. Only the error that the specification defines proves
 * it.
 *
 * A failure that says nothing about it changes nothing. An unavailable server serves no calls either, and if a moment's
 * outage could make its headers untrusted, its agents' calls would fail with it. Nor does a failure earn trust: at
 * first the catalog grants it, and later only a probe restores it. Any other definite response ends it, because a
 * client that controls the headers could then send any body under them.
 */
import { ProbeFailed, type Endpoint, type Reply } from "./endpoint.ts"
import { isObject } from "../core/encoding/json.ts"
import { META, STATELESS } from "./tools.ts"

const HEADER_MISMATCH = -32_020
/** No server has a tool of this name, so the call does nothing even if the server ignores the headers. */
const NO_TOOL = "narrowgate-probe-of-headers"

/** Harmless whichever of the two a server believes. */
const MISMATCHES = [
  { body: { method: "tools/list", params: {} }, method: "tools/call", name: NO_TOOL },
  {
    body: { method: "tools/call", params: { name: NO_TOOL, arguments: {} } },
    method: "tools/call",
    name: `${NO_TOOL}-2`,
  },
] as const

/** Statuses of a server, or of a proxy in front of it, that did not examine the request. */
const NO_ANSWER = new Set([401, 403, 407, 408, 425, 429])

/** Throws if there is no response. */
export async function enforcesHeaders(endpoint: Endpoint): Promise<boolean> {
  for (const { body, method, name } of MISMATCHES) {
    const headers = { "MCP-Protocol-Version": STATELESS, "Mcp-Method": method, "Mcp-Name": name }
    const reply = await endpoint.ask(body.method, { ...body.params, _meta: META }, headers)
    if (NO_ANSWER.has(reply.status) || reply.status >= 500) throw new ProbeFailed(`status ${reply.status}`)
    if (!refusesMismatch(reply)) return false
  }
  return true
}

function refusesMismatch({ status, message }: Reply): boolean {
  const error = message?.["error"]
  return status === 400 && isObject(error) && error["code"] === HEADER_MISMATCH
}
