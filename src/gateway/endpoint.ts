/** The door for gateways: who asks → what is asked → `authorize` → the answer in the gateway's dialect. */
import type { Context } from "hono"
import { ofGateway, recordEdgeDenial } from "../audit/edge-record.ts"
import { authorize, NO_IDENTITY, type Decision } from "./authorize.ts"
import { CODES } from "../core/denials/code.ts"
import { codeOf, describeDenial, isDenied, type Denial } from "../core/denials/denial.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { GatewayDefinition } from "../core/policy/definition/gateways.ts"
import { bundleFor, requestContext, type RequestContext } from "../request-context.ts"
import { answer } from "./answer.ts"
import type { Endpoint } from "./dialects/dialect.ts"
import { DIALECTS } from "./dialects/dialects.ts"
import { envoy } from "./dialects/envoy.ts"
import { messageIdOf, type MessageId } from "./json-rpc.ts"
import { letPreflightThrough } from "./preflight.ts"
import { present } from "./present.ts"
import { identifyGateway, type Identified } from "./registry.ts"
import { logEvent } from "../platform/log.ts"
import { newId } from "../platform/new-id.ts"
import { rawTarget } from "../platform/raw-target.ts"

/** @param key that the gateway presented, if any */
export async function authorization(
  c: Context<{ Bindings: Env }>,
  endpoint: Endpoint,
  key: string | null,
): Promise<Response> {
  const context = requestContext(c.env, (promise) => c.executionCtx.waitUntil(promise))
  return answerTo(c.req.raw, rawTarget(c.req.raw), endpoint, key, context)
}

/** @param target path and query of the question, raw */
export async function answerTo(
  request: Request,
  target: string,
  endpoint: Endpoint,
  key: string | null,
  context: RequestContext,
): Promise<Response> {
  const known = await askingGateway(key, context)
  if (known instanceof Response) return endpoint === "/authz/envoy" ? forEnvoy(known) : known
  const { asking, bundle } = known
  const { endpoint: expected, asks, unwrap, wrap } = DIALECTS[asking.gateway.dialect]
  if (asks && !asks(request, endpoint)) {
    const denial = { reason: "gateway_dialect_mismatch", expected } as const
    return answer(denyUnreadable(denial, asking.gateway, bundle, context), context.config.issuer, request)
  }
  const asked = unwrap ? await unwrap(request, asking.gateway) : request
  const { decision, message } = isDenied(asked)
    ? { decision: denyUnreadable(asked.denied, asking.gateway, bundle, context) }
    : await decide(asked, target, endpoint, asking, bundle, context)
  const answered = answer(decision, context.config.issuer, isDenied(asked) ? request : asked, message)
  return wrap ? wrap(answered) : answered
}

/** Whoever asks there takes a status above 500 for no answer (envoy.ts), known to us or not. */
export function forEnvoy(refused: Response): Response {
  const { status, headers, body } = refused
  return new Response(body, { status: envoy.status(status), headers })
}

/** Who asks, and the bundle that knows it; or the answer to somebody who is no gateway of ours. */
export async function askingGateway(
  key: string | null,
  context: RequestContext,
): Promise<{ readonly asking: Identified; readonly bundle: Bundle } | Response> {
  const bundle = await bundleFor(context)
  if (!bundle) return refusal({ reason: "bundle_unavailable" }, context)
  const asking = identifyGateway(key, bundle.gateways)
  return isDenied(asking) ? refusal(asking.denied, context) : { asking, bundle }
}

interface Decided {
  readonly decision: Decision
  /** That was refused, where it is one to a server of MCP. */
  readonly message?: MessageId
}

/** A defect on the way of a call is a refusal like any other: recorded, in the gateway's dialect, never an allow. */
async function decide(
  request: Request,
  target: string,
  endpoint: Endpoint,
  asking: Identified,
  bundle: Bundle,
  context: RequestContext,
): Promise<Decided> {
  const { gateway } = asking
  try {
    const presented = await present(request, target, endpoint, asking)
    if (isDenied(presented)) return { decision: denyUnreadable(presented.denied, gateway, bundle, context) }
    const preflight = letPreflightThrough(request.headers, presented, bundle, context)
    if (preflight && isDenied(preflight))
      return { decision: denyUnreadable(preflight.denied, gateway, bundle, context) }
    const decision = preflight ?? (await authorize(presented, bundle, context))
    const message = decision.denial ? messageIdOf(presented, bundle) : undefined
    return message === undefined ? { decision } : { decision, message }
  } catch (error) {
    logEvent("call_failed", { gateway: gateway.id, error: String(error) })
    return { decision: denyUnreadable({ reason: "failed" }, gateway, bundle, context) }
  }
}

/** What a registered gateway asks cannot be read. */
export function denyUnreadable(
  denial: Denial,
  gateway: GatewayDefinition,
  bundle: Bundle,
  context: RequestContext,
): Decision {
  const id = newId("dec", context.receivedAt)
  recordEdgeDenial(id, "call", denial, ofGateway(gateway, bundle), context)
  return { ...NO_IDENTITY, id, gateway, denial }
}

/** The answer to somebody who is no gateway of ours, or when nobody can be known. */
export function refusal(denial: Denial, context: RequestContext): Response {
  const id = newId("dec", context.receivedAt)
  const code = codeOf(denial)
  recordEdgeDenial(id, "call", denial, {}, context)
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
