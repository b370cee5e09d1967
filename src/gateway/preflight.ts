/**
 * CORS preflights: the request that a browser makes before a call, without the call's token. Only what no client could
 * send as a call of its own is taken for one: OPTIONS with both headers, no credential, no body, and no tool at that
 * method and path. Source: Fetch standard, "CORS-preflight fetch".
 */
import { recordEdgeDecision, ofGateway } from "../audit/edge-record.ts"
import { shownPath } from "../core/catalog/locate.ts"
import { asksForOtherMethod, METHOD_IN_ARGUMENT } from "../core/catalog/method-override.ts"
import { readTarget } from "../core/catalog/path.ts"
import { matchRoute } from "../core/catalog/route.ts"
import { deny, isDenied, type Denied } from "../core/denials/denial.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { newId } from "../platform/new-id.ts"
import type { RequestContext } from "../request-context.ts"
import { NO_IDENTITY, type Decision } from "./decision.ts"
import type { PresentedCall } from "./presented.ts"

/**
 * Returns null if the gateway does not allow preflights, or if the request is a call like any other. An allow discloses
 * only whether the call itself may be sent, and names no caller.
 */
export function allowPreflight(
  headers: Headers,
  call: PresentedCall,
  bundle: Bundle,
  context: RequestContext,
): Decision | Denied | null {
  const { gateway, origin, method } = call
  if (!gateway.preflights || !isPreflight(headers, call)) return null
  const target = readTarget(call.target)
  if (isDenied(target)) return target
  if (target.query.some(([name, value]) => asksForOtherMethod(name, value, method))) return deny(METHOD_IN_ARGUMENT)
  if (matchRoute(bundle.catalog.routes, origin, method, target)) return null
  const id = newId("dec", context.receivedAt)
  const path = shownPath(bundle.catalog, origin, target)
  recordEdgeDecision(id, { ...ofGateway(gateway, bundle), decision: "allow", code: "ok", method, path }, context)
  return { ...NO_IDENTITY, id, gateway, denial: null }
}

function isPreflight(headers: Headers, { method, body, authorization, proof, objection }: PresentedCall): boolean {
  return (
    method === "OPTIONS" &&
    objection === null &&
    headers.has("origin") &&
    headers.has("access-control-request-method") &&
    authorization === null &&
    proof === null &&
    body.kind === "whole" &&
    body.text === ""
  )
}
