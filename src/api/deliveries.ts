/**
 * `/v1/deliveries`: how receivers of notices are told, and what could not be delivered to them, to be sent once more. What
 * they answered, where they are and what is secret between us and them is not shown.
 */
import { logEvent } from "../platform/log.ts"
import { outboundOf } from "../notifications/outbound-stub.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { RequestContext } from "../request-context.ts"
import { authorizeOperator } from "./operator.ts"
import type { ApiResult } from "./outcome.ts"

const OUT_OF_REACH: ApiResult = {
  status: 503,
  body: { error: "unavailable", error_description: "It cannot be seen at the moment." },
  record: { code: "unavailable" },
}

export async function listDeliveries(request: Request, bundle: Bundle, context: RequestContext): Promise<ApiResult> {
  const permitted = await authorizeOperator(request, "viewer", thingOf(null), bundle, context)
  if ("status" in permitted) return permitted
  const receivers = await Promise.all(
    bundle.receivers.map(async ({ id, format, events }) => ({ id, format, events, ...(await stateOf(id, context)) })),
  )
  return { status: 200, body: { receivers }, record: { decision: "allow", code: "ok", ...permitted } }
}

/** One that cannot be seen hides none of the others. */
async function stateOf(id: string, { env }: RequestContext): Promise<object> {
  try {
    const { dead_letters, ...state } = await outboundOf(env, id).list()
    const letters = dead_letters.map(({ id: notice, type, reason, tries, died_at }) => {
      return { id: `${id}.${notice}`, type, reason, tries, died_at }
    })
    return { ...state, dead_letters: letters }
  } catch (error) {
    logEvent("deliveries_failed", { receiver: id, error: String(error) })
    return { error: "unavailable" }
  }
}

/** @param id of a receiver, for all of its dead letters; or, behind a dot, of one of them */
export async function retryDelivery(
  request: Request,
  id: string,
  bundle: Bundle,
  context: RequestContext,
): Promise<ApiResult> {
  const permitted = await authorizeOperator(request, "operator", thingOf(id.slice(0, 512)), bundle, context)
  if ("status" in permitted) return permitted
  const [, named = id, notice = null] = /^(.+)\.(evt_[0-9A-HJKMNP-TV-Z]{26})$/.exec(id) ?? []
  const receiver = bundle.receivers.find((each) => each.id === named)
  try {
    const retried = receiver ? await outboundOf(context.env, receiver.id).retry(notice) : 0
    const record = { ...permitted, arguments: { delivery: id.slice(0, 512), retried } }
    if (receiver && (retried > 0 || notice === null))
      return { status: 200, body: { id, retried }, record: { decision: "allow", code: "ok", ...record } }
  } catch (error) {
    return outOfReach(error, permitted)
  }
  const denial = { reason: "not_found", what: id.slice(0, 128) } as const
  const body = { error: "not_found", error_description: "There is no such dead letter, and no such receiver." }
  return { status: 404, body, record: { code: "not_found", denial, ...permitted } }
}

function thingOf(target: string | null) {
  return { area: "deliveries", kind: "delivery", target } as const
}

function outOfReach(error: unknown, permitted: object): ApiResult {
  logEvent("deliveries_failed", { error: String(error) })
  return { ...OUT_OF_REACH, record: { ...permitted, ...OUT_OF_REACH.record } }
}
