/**
 * May this call pass? The whole way of a call (authorize.ts), which counts where it is allowed. The client's request is
 * told in the question; what the gateway says for itself (its own request id, what it asserts of the client) stands in
 * the headers of its request to us, and nowhere else.
 */
import { deny, isDenied, type Denied } from "../../core/denials/denial.ts"
import { answer } from "../answer.ts"
import { answerTo, denyUnreadable } from "../endpoint.ts"
import { requestOf } from "../dialects/relayed-request.ts"
import { isObject } from "../../core/encoding/json.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import type { GatewayDefinition } from "../../core/policy/definition/gateways.ts"
import type { RequestContext } from "../../request-context.ts"
import type { Decided } from "./answer.ts"
import { callOf, type Call } from "./call.ts"
import { authzen, saidOf } from "../dialects/authzen.ts"
import type { Evaluation } from "./question.ts"

export interface GatewayCaller {
  readonly gateway: GatewayDefinition
  readonly key: string
  /** Of its request to us. */
  readonly headers: Headers
  readonly bundle: Bundle
}

/** @param index which one of several it is; null: it is the only one */
export async function decideCall(
  question: Evaluation,
  index: number | null,
  caller: GatewayCaller,
  context: RequestContext,
): Promise<Decided> {
  const { gateway, key, bundle } = caller
  const call = callOf(question, gateway, bundle)
  const request = isDenied(call) ? call : requestFor(call, question, index, caller)
  if (!isDenied(request)) return decidedOf(await answerTo(request, "/", authzen.endpoint, key, context))
  const decision = denyUnreadable(request.denied, gateway, bundle, context)
  return decidedOf(answer(decision, context.config.issuer, new Request(context.config.issuer)))
}

function requestFor(
  { request: told, answerHeaders: said }: Call,
  { subject }: Evaluation,
  index: number | null,
  { gateway, headers }: GatewayCaller,
): Request | Denied {
  const names = ownHeaders(gateway)
  const asserted = names.flatMap((name) => {
    const value = headers.get(name)
    return value === null ? [] : [[name, name === gateway.request_id_header ? ofIndex(value, index) : value] as const]
  })
  const own = { ...Object.fromEntries(asserted), ...said, ...saidOf(subject) }
  const request = requestOf(told, own, names)
  return request ?? deny({ reason: "target_ambiguous", what: "no HTTP request can be so" })
}

/** Those that the gateway sets itself: a client's of that name is nobody's. */
function ownHeaders({ asserts, request_id_header }: GatewayDefinition): readonly string[] {
  return [asserts?.country, asserts?.client_ip, request_id_header].filter((name) => name !== undefined)
}

/** Each of several is a call of its own, and counts as one. */
const ofIndex = (requestId: string, index: number | null): string =>
  index === null ? requestId : `${requestId}#${index}`

/** What the client is to get, or what is behind the gateway, is in the context: its code, and headers. */
async function decidedOf(answered: Response): Promise<Decided> {
  const { ok, headers, status } = answered
  const shownHeaders = Object.fromEntries([...headers].filter(([name]) => !OUR_OWN.has(name)))
  const decision_id = headers.get("X-Narrowgate-Decision") ?? ""
  if (ok) return { decision: true, context: { decision_id, headers: shownHeaders } }
  const json: unknown = await answered.json()
  const body = isObject(json) ? json : {}
  // A client of MCP gets an error of its own kind, with all that the others get in it.
  const error = isObject(body["error"]) ? body["error"] : null
  const { approval, scope } = error && isObject(error["data"]) ? error["data"] : body
  return {
    decision: false,
    context: {
      code: headers.get("X-Narrowgate-Code"),
      error_description: error ? error["message"] : body["error_description"],
      decision_id,
      status,
      headers: shownHeaders,
      ...(scope !== undefined && { scope }),
      ...(approval !== undefined && { access_request: approval }),
    },
  }
}

/** Headers of the answer that would say something of ours. */
const OUR_OWN: ReadonlySet<string> = new Set(["cache-control", "content-type", "content-length"])
