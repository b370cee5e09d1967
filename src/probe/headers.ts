/**
 * Whether a server compares `Mcp-*` headers with the body, as MCP 2026-07-28 demands ("Streamable HTTP", "Server
 * validation"): it is sent what differs. Only what the specification says shows that it does.
 *
 * What is no answer to that leaves all as it was: a server out of reach serves no call either, and one that could make
 * itself unbelieved by a moment's outage would take its agents' calls with it. It is no more believed for it: it takes
 * the catalog's word to be believed at first, and a probe's to be so again. A definite answer of any other kind ends
 * it, for whoever may write headers could then have any body run under them.
 */
import { ProbeFailed, type Endpoint, type Reply } from "./endpoint.ts"
import { isObject } from "../core/encoding/json.ts"
import { META, STATELESS } from "./tools.ts"

const HEADER_MISMATCH = -32_020
/** No server has a tool of this name, so that calling it does nothing, should the headers not be looked at. */
const NO_TOOL = "narrowgate-probe-of-headers"

/** Harmless whichever side a server believes. */
const MISMATCHES = [
  { body: { method: "tools/list", params: {} }, method: "tools/call", name: NO_TOOL },
  {
    body: { method: "tools/call", params: { name: NO_TOOL, arguments: {} } },
    method: "tools/call",
    name: `${NO_TOOL}-2`,
  },
] as const

/** Statuses of a server, or of what stands before it, that did not come to look at the request. */
const NO_ANSWER = new Set([401, 403, 407, 408, 425, 429])

/** Throws where there is no answer. */
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
