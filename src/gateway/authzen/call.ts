/**
 * Makes the client's request of an evaluation about a call. A table holds the forms that its resource may have: a URL,
 * as the client called it, or a tool of an MCP server, which becomes the message that calls that tool. The context
 * holds the credential, the headers and the body of the client's request.
 */
import * as z from "zod"
import { confusableKey } from "../../core/encoding/name-folding.ts"
import { deny, isDenied, type Denied } from "../../core/denials/denial.ts"
import { isObject } from "../../core/encoding/json.ts"
import { announcesBody, linesOf, relayHeadersOf, type RelayedRequest } from "../dialects/relayed-request.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import type { GatewayDefinition } from "../../core/policy/definition/gateways.ts"
import type { Evaluation } from "./question.ts"

/** More than any client sends: each header is set anew for each evaluation. */
const MAX_HEADERS = 256

const context = z.object({
  authorization: z.string().optional(),
  dpop: z.string().optional(),
  headers: z
    .record(z.string(), z.union([z.string(), z.array(z.string())]))
    .refine((lines) => Object.values(lines).flat().length <= MAX_HEADERS)
    .default({}),
  body: z.string().optional(),
})
type Context = z.output<typeof context>

export interface Call {
  readonly request: RelayedRequest
  /** Where the request goes (relayed-request.ts). */
  readonly relayHeaders: Readonly<Record<string, string>>
}

const unreadable = (what: string): Denied => deny({ reason: "target_ambiguous", what })

type ReadCall = (question: Evaluation, sent: Context, gateway: GatewayDefinition, bundle: Bundle) => Call | Denied

const byUrl: ReadCall = ({ action, resource }, { headers, body }, gateway) => {
  const where = relayHeadersOf(action.name, resource.id)
  if (!where) return unreadable("its resource is no absolute URL")
  const lines = linesOf(headers)
  if (gateway.body && !body && announcesBody(lines)) return unreadable("it has a body that the gateway does not relay")
  return { request: { headers: lines, body: body ?? null }, relayHeaders: where }
}

const TOOL_METHOD = "tools/call"

/** Relays none of the client's headers: a message is made here, and they belong to another. */
const byTool: ReadCall = ({ action, resource }, _sent, { origins }, { catalog }) => {
  if (action.name !== TOOL_METHOD) return unreadable(`the action on a tool is not ${TOOL_METHOD}`)
  const [server, ...names] = resource.id.split(".")
  const found = [...catalog.servers.values()].find(({ name, origin }) => name === server && origins.includes(origin))
  const { arguments: given = {} } = resource.properties
  // Some readers take such a member for the arguments of the call, as in an MCP message.
  if (confusableKey(resource.properties, ["arguments"]) !== undefined) {
    return deny({ reason: "mcp_rejected", what: "`arguments` are in another case" })
  }
  if (!found) return unreadable("its resource is no tool of a server behind the gateway")
  if (!isObject(given)) return unreadable("its arguments are no object")
  const message = { jsonrpc: "2.0", id: 1, method: TOOL_METHOD, params: { name: names.join("."), arguments: given } }
  const where = relayHeadersOf("POST", found.origin + found.path)
  if (!where) return unreadable("its server has no URL")
  return {
    request: { headers: [["Content-Type", "application/json"]], body: JSON.stringify(message) },
    relayHeaders: where,
  }
}

const FORMS: ReadonlyMap<string, ReadCall> = new Map([
  ["uri", byUrl],
  ["http", byUrl],
  ["tool", byTool],
])

/** Returns the call with the client's credential, or why there is no call to decide. */
export function callOf(question: Evaluation, gateway: GatewayDefinition, bundle: Bundle): Call | Denied {
  const form = FORMS.get(question.resource.type)
  if (!form) return unreadable("its resource is no uri, http or tool")
  const sent = context.safeParse(question.context)
  if (!sent.success) return unreadable("its context is not what a call has")
  const call = form(question, sent.data, gateway, bundle)
  if (isDenied(call)) return call
  const { authorization, dpop } = sent.data
  const credential = { ...(authorization !== undefined && { authorization }), ...(dpop !== undefined && { dpop }) }
  return { ...call, relayHeaders: { ...call.relayHeaders, ...credential } }
}
