/**
 * `POST /v1/calls/:id/settle`: a gateway, or a Worker over RPC, reports that a call which it allowed has ended. Until
 * then, or until its tool's longest duration has passed, the call counts as in flight (core/guardrails/concurrency.ts).
 */
import * as z from "zod"
import { ofGateway } from "../audit/edge-record.ts"
import { recordAtEdge } from "../audit/edge-recorder.ts"
import type { ManagementDenial } from "../core/denials/management-denial.ts"
import { SETTLE_CODES, type SettleCode } from "../core/denials/terms/settle-code.ts"
import { recordOf } from "../core/record/record.ts"
import { askLedger } from "../ledger/ask.ts"
import { isOwnTaskId } from "../platform/task-id.ts"
import { isTaskId } from "../core/task/state.ts"
import { isBodyError, readBody } from "../platform/json-body.ts"
import { newId } from "../platform/new-id.ts"
import type { RequestContext } from "../request-context.ts"
import { identifyCaller, unidentifiedResponse } from "./endpoint.ts"

/** As for lists: no endpoint answers a request with the key that opens `/authz/` by a 2xx. */
export const SETTLE_KEY_HEADER = "x-narrowgate-settle-key"

const MAX_BODY_BYTES = 1_024
const DECISION = /^dec_[0-9A-HJKMNP-TV-Z]{26}$/
/** `X-Narrowgate-Task` of the answer that allowed the call. */
const body = z.strictObject({ task: z.string().max(256).refine(isTaskId) })

/**
 * @param decision `X-Narrowgate-Decision` of the answer that allowed the call
 * @param key that the gateway presented; null: it presented none
 */
export async function settleCall(
  request: Request,
  decision: string,
  key: string | null,
  context: RequestContext,
): Promise<Response> {
  const identified = await identifyCaller(key, context)
  if (identified instanceof Response) return identified
  const { caller, bundle } = identified
  const { gateway } = caller
  const refuse = (code: SettleCode, description: string, denial: ManagementDenial): Response => {
    const id = newId("dec", context.receivedAt)
    const of = { ...ofGateway(gateway, bundle), method: "POST", path: "/v1/calls/:id/settle" }
    const { env, receivedAt: at, background } = context
    const total_ms = Date.now() - at
    recordAtEdge(env, recordOf({ ...of, id, at, kind: "management", code, denial, total_ms }), background)
    return settleResponse(code, description, id)
  }
  // Ending a call early makes room for another one: only a gateway that is registered to see ends is believed.
  if (!gateway.settles) {
    const denial = { reason: "role_missing", what: "settles" } as const
    return refuse("unsettling_gateway", "This gateway is not registered to settle calls.", denial)
  }
  const read = await readBody(request, body, MAX_BODY_BYTES)
  if (!DECISION.test(decision) || isBodyError(read)) {
    const denial = { reason: "request_malformed", what: "it names no decision, or no task" } as const
    return refuse("invalid_request", "Name the decision in the path and its task in the body.", denial)
  }
  const answer = isOwnTaskId(context.env, read.task)
    ? await askLedger(context.env, read.task, async (ledger) => ({
        settled: await ledger.settle(decision, gateway.id, read.task),
      }))
    : { settled: false }
  if (!answer) return unidentifiedResponse({ reason: "ledger_unavailable" }, context)
  if (answer.settled) return Response.json({ settled: true }, { headers: NO_STORE })
  const denial = { reason: "not_found", what: decision } as const
  return refuse("not_found", "No such call of this gateway is under way.", denial)
}

const NO_STORE = { "Cache-Control": "no-store" }

function settleResponse(error: SettleCode, error_description: string, decision_id: string): Response {
  const headers = { ...NO_STORE, "X-Narrowgate-Code": error, "X-Narrowgate-Decision": decision_id }
  return Response.json({ error, error_description, decision_id }, { status: SETTLE_CODES[error], headers })
}
