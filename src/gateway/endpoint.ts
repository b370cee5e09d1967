/**
 * The endpoints for gateways: identify the gateway, read its request, `authorize`, and answer in the gateway's dialect.
 */
import type { Context } from "hono"
import { ofGateway, recordEdgeDenial } from "../audit/edge-record.ts"
import { authorize } from "./authorize.ts"
import { serverAt } from "../core/catalog/locate.ts"
import { CODES } from "../core/denials/terms/code.ts"
import { codeOf, describeDenial, isDenied, type Denial } from "../core/denials/denial.ts"
import type { TraceParent } from "../core/encoding/trace-context.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"
import { currentLease } from "../revocation/lease.ts"
import { bundleFor, requestContext, type RequestContext } from "../request-context.ts"
import { answer } from "./answer.ts"
import type { Endpoint } from "./dialects/dialect.ts"
import { DIALECTS } from "./dialects/dialects.ts"
import { envoy } from "./dialects/envoy.ts"
import { deniedMessageOf, type DeniedMessage } from "./json-rpc.ts"
import { allowPreflight } from "./preflight.ts"
import { present } from "./present.ts"
import { identifyGateway, type IdentifiedGateway } from "./registry.ts"
import { logEvent } from "../platform/log.ts"
import { newId } from "../platform/new-id.ts"
import { rawTarget } from "../platform/raw-target.ts"
import { NO_IDENTITY, type Decision } from "./decision.ts"
import { traceIn } from "./trace.ts"

/** @param key that the gateway presented; null: it presented none */
export function authorization(
  c: Context<{ Bindings: Env }>,
  endpoint: Endpoint,
  key: string | null,
): Promise<Response> {
  const context = requestContext(c.env, (promise) => c.executionCtx.waitUntil(promise))
  return answerTo(c.req.raw, rawTarget(c.req.raw), endpoint, key, context)
}

/** @param target path and query of the gateway's request, raw */
export async function answerTo(
  request: Request,
  target: string,
  endpoint: Endpoint,
  key: string | null,
  context: RequestContext,
): Promise<Response> {
  const identifying = identifyCaller(key, context)
  const identified = identifying instanceof Promise ? await identifying : identifying
  if (identified instanceof Response) return endpoint === "/authz/envoy" ? forEnvoy(identified) : identified
  const { caller, bundle } = identified
  const { endpoint: expected, isDecisionRequest: asks, unwrap, wrap } = DIALECTS[caller.gateway.dialect]
  if (asks && !asks(request, endpoint)) {
    const denial = { reason: "gateway_dialect_mismatch", expected } as const
    const decision = denyUnreadable(denial, caller.gateway, traceIn(request.headers), bundle, context)
    return answer(decision, context.config.issuer, request)
  }
  const unwrapped = unwrap ? await context.waits.of("body", unwrap(request, caller.gateway)) : request
  const { decision, message } = isDenied(unwrapped)
    ? { decision: denyUnreadable(unwrapped.denied, caller.gateway, traceIn(request.headers), bundle, context) }
    : await decide(unwrapped, target, endpoint, caller, bundle, context)
  const answered = answer(decision, context.config.issuer, isDenied(unwrapped) ? request : unwrapped, message)
  return wrap ? wrap(answered) : answered
}

/** A client of this endpoint takes a status above 500 for no answer (dialects/envoy.ts), whether we know it or not. */
export function forEnvoy(refused: Response): Response {
  const { status, headers, body } = refused
  return new Response(body, { status: envoy.status(status), headers })
}

interface IdentifiedCaller {
  readonly caller: IdentifiedGateway
  readonly bundle: Bundle
}

/** The gateway, and the bundle that registers it; or the answer to a client that is no registered gateway. */
export function identifyCaller(
  key: string | null,
  context: RequestContext,
): IdentifiedCaller | Response | Promise<IdentifiedCaller | Response> {
  const bundle = bundleFor(context)
  return bundle instanceof Promise
    ? // A new isolate: what its first call needs next is requested beside the bundle.
      context.waits
        .of("bundle", Promise.all([bundle, currentLease(context)]))
        .then(([loaded]) => identifyBy(loaded, key, context))
    : identifyBy(bundle, key, context)
}

function identifyBy(bundle: Bundle | null, key: string | null, context: RequestContext): IdentifiedCaller | Response {
  if (!bundle) return unidentifiedResponse({ reason: "bundle_unavailable" }, context)
  const caller = identifyGateway(key, bundle.gateways)
  return isDenied(caller) ? unidentifiedResponse(caller.denied, context) : { caller, bundle }
}

interface DecidedCall {
  readonly decision: Decision
  /** The JSON-RPC message of a denied call, if it is one to an MCP server. */
  readonly message?: DeniedMessage
}

/** A defect on the way of a call is a denial like any other: recorded, in the gateway's dialect, and never an allow. */
async function decide(
  request: Request,
  target: string,
  endpoint: Endpoint,
  caller: IdentifiedGateway,
  bundle: Bundle,
  context: RequestContext,
): Promise<DecidedCall> {
  const { gateway } = caller
  const unreadable = (denial: Denial): DecidedCall => ({
    decision: denyUnreadable(denial, gateway, traceIn(request.headers), bundle, context),
  })
  try {
    const presenting = present(request, target, endpoint, caller)
    const presented = presenting instanceof Promise ? await context.waits.of("body", presenting) : presenting
    if (isDenied(presented)) return unreadable(presented.denied)
    const preflight = allowPreflight(request.headers, presented, bundle, context)
    if (preflight && isDenied(preflight)) return unreadable(preflight.denied)
    const decided = preflight ?? (await authorize(presented, bundle, context))
    const server = decided.denial ? serverAt(bundle.catalog, presented.origin, presented.target) : undefined
    const decision = server ? { ...decided, server } : decided
    const message = decision.denial ? deniedMessageOf(presented, bundle) : undefined
    return message === undefined ? { decision } : { decision, message }
  } catch (error) {
    logEvent("call_failed", { gateway: gateway.id, error: String(error) })
    return unreadable({ reason: "failed" })
  }
}

/** The request of a registered gateway cannot be read. */
export function denyUnreadable(
  denial: Denial,
  gateway: GatewayDefinition,
  trace: TraceParent | null,
  bundle: Bundle,
  context: RequestContext,
): Decision {
  const id = newId("dec", context.receivedAt)
  recordEdgeDenial(id, "call", denial, { ...ofGateway(gateway, bundle), trace }, context)
  return { ...NO_IDENTITY, id, gateway, denial, trace }
}

/** A request with a gateway's key at a path that is no endpoint. Which there are, only a gateway learns. */
export async function denyElsewhere(key: string, context: RequestContext): Promise<Response> {
  const identified = await identifyCaller(key, context)
  if (identified instanceof Response) return identified
  const { gateway } = identified.caller
  const denial = { reason: "gateway_dialect_mismatch", expected: DIALECTS[gateway.dialect].endpoint } as const
  return unidentifiedResponse(denial, context, ofGateway(gateway, identified.bundle))
}

/**
 * The answer to a client that is no registered gateway, or if no bundle can say who is one. Also a gateway that only
 * observes gets it as a denial.
 */
export function unidentifiedResponse(
  denial: Denial,
  context: RequestContext,
  fields: Partial<DecisionRecord> = {},
): Response {
  const id = newId("dec", context.receivedAt)
  const code = codeOf(denial)
  recordEdgeDenial(id, "call", denial, fields, context)
  const headers = new Headers({
    "Cache-Control": "no-store",
    "X-Narrowgate-Code": code,
    "X-Narrowgate-Decision": id,
    "X-Narrowgate-Status": String(CODES[code].status),
  })
  if (code === "unavailable") headers.set("Retry-After", "5")
  const body = { error: code, error_description: describeDenial(denial), decision_id: id }
  return Response.json(body, { status: CODES[code].status, headers })
}
