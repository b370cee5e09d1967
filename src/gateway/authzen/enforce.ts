/**
 * Decides whether a call is allowed, by the whole way of a call (authorize.ts), which counts the call if it is. The
 * evaluation describes the client's request. What the gateway says for itself (its own request id, what it asserts of
 * the client) stands only in the headers of its request to this API.
 */
import { deny, isDenied, type Denied } from "../../core/denials/denial.ts"
import { answer } from "../answer.ts"
import { answerTo, denyUnreadable } from "../endpoint.ts"
import { nearestTrace, requestOf } from "../dialects/relayed-request.ts"
import { isObject } from "../../core/encoding/json.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import type { GatewayDefinition } from "../../core/policy/definition/gateways.ts"
import type { RequestContext } from "../../request-context.ts"
import type { EvaluationAnswer } from "./answer.ts"
import { callOf, type Call } from "./call.ts"
import { authzen, subjectHeaders } from "../dialects/authzen.ts"
import { traceIn } from "../trace.ts"
import type { Evaluation } from "./question.ts"

export interface GatewayCaller {
  readonly gateway: GatewayDefinition
  readonly key: string
  /** Headers of the gateway's request to this API. */
  readonly headers: Headers
  readonly bundle: Bundle
}

/** @param index position among several evaluations; null if it is the only one */
export async function decideCall(
  question: Evaluation,
  index: number | null,
  caller: GatewayCaller,
  context: RequestContext,
): Promise<EvaluationAnswer> {
  const { gateway, key, bundle } = caller
  const call = callOf(question, gateway, bundle)
  const request = isDenied(call) ? call : requestFor(call, question, index, caller)
  if (!isDenied(request)) return decidedOf(await answerTo(request, "/", authzen.endpoint, key, context))
  const decision = denyUnreadable(request.denied, gateway, traceIn(caller.headers), bundle, context)
  return decidedOf(answer(decision, context.config.issuer, new Request(context.config.issuer)))
}

function requestFor(
  { request: relayed, relayHeaders }: Call,
  { subject }: Evaluation,
  index: number | null,
  { gateway, headers }: GatewayCaller,
): Request | Denied {
  const names = ownHeaders(gateway)
  const asserted = names.flatMap((name) => {
    const value = headers.get(name)
    return value === null ? [] : [[name, name === gateway.request_id_header ? ofIndex(value, index) : value] as const]
  })
  const own = { ...nearestTrace(headers), ...Object.fromEntries(asserted), ...relayHeaders, ...subjectHeaders(subject) }
  const request = requestOf(relayed, own, names)
  return request ?? deny({ reason: "target_ambiguous", what: "no HTTP request can carry it" })
}

/** The headers that the gateway sets itself: a client's header of such a name is not believed. */
function ownHeaders({ asserts, request_id_header }: GatewayDefinition): readonly string[] {
  return [asserts?.country, asserts?.client_ip, request_id_header].filter((name) => name !== undefined)
}

/** Each of several evaluations is a call of its own, and counts as one. */
const ofIndex = (requestId: string, index: number | null): string =>
  index === null ? requestId : `${requestId}#${index}`

/** The context holds what the gateway is to relay, to the client or to the upstream: the code and the headers. */
async function decidedOf(answered: Response): Promise<EvaluationAnswer> {
  const { ok, headers, status } = answered
  const shownHeaders = Object.fromEntries([...headers].filter(([name]) => !OUR_OWN.has(name)))
  const decision_id = headers.get("X-Narrowgate-Decision") ?? ""
  if (ok) return { decision: true, context: { decision_id, headers: shownHeaders } }
  const json: unknown = await answered.json()
  const body = isObject(json) ? json : {}
  // An MCP client gets a JSON-RPC error, with all that other clients get inside it.
  const error = isObject(body["error"]) ? body["error"] : null
  const { error_description, approval, scope } = error && isObject(error["data"]) ? error["data"] : body
  return {
    decision: false,
    context: {
      code: headers.get("X-Narrowgate-Code"),
      error_description,
      decision_id,
      status,
      headers: shownHeaders,
      ...(scope !== undefined && { scope }),
      ...(approval !== undefined && { access_request: approval }),
    },
  }
}

/** Headers of the answer that describe our answer, not the client's. */
const OUR_OWN: ReadonlySet<string> = new Set(["cache-control", "content-type", "content-length"])
