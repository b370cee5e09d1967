/**
 * `/v1/deliveries`: how deliveries to each receiver went, its dead letters, and their redelivery. The receivers'
 * responses, URLs and secrets are not shown.
 */
import { logEvent } from "../platform/log.ts"
import { outboundOf } from "../notifications/outbound-stub.ts"
import type { RequestContext } from "../request-context.ts"
import type { Handler } from "./handler.ts"

export const listDeliveries: Handler<"listDeliveries"> = async ({ bundle, context }) => {
  const receivers = await Promise.all(
    bundle.receivers.map(async ({ id, format, events }) => ({ id, format, events, ...(await stateOf(id, context)) })),
  )
  return { answer: { receivers } }
}

/** Returns an error for a receiver whose state cannot be read, so that it does not hide the others. */
async function stateOf(id: string, { env }: RequestContext) {
  try {
    const { dead_letters, ...state } = await outboundOf(env, id).list()
    const letters = dead_letters.map(({ id: notice, type, reason, tries, died_at }) => {
      return { id: `${id}.${notice}`, type, reason, tries, died_at }
    })
    return { ...state, dead_letters: letters }
  } catch (error) {
    logEvent("deliveries_failed", { receiver: id, error: String(error) })
    return { error: "unavailable" as const }
  }
}

/** Takes the id of a receiver, for all of its dead letters, or `<receiver>.<notice>` for one of them. */
export const retryDelivery: Handler<"retryDelivery"> = async ({ parameters: { delivery: id }, bundle, context }) => {
  const [, named = id, notice = null] = /^(.+)\.(evt_[0-9A-HJKMNP-TV-Z]{26})$/.exec(id) ?? []
  const receiver = bundle.receivers.find((each) => each.id === named)
  try {
    const retried = receiver ? await outboundOf(context.env, receiver.id).retry(notice) : 0
    const record = { arguments: { delivery: id.slice(0, 512), retried } }
    if (receiver && (retried > 0 || notice === null)) return { answer: { id, retried }, record }
  } catch (error) {
    logEvent("deliveries_failed", { error: String(error) })
    return { error: "unavailable", description: "It cannot be seen at the moment." }
  }
  const denial = { reason: "not_found", what: id.slice(0, 128) } as const
  return { error: "not_found", description: "There is no such dead letter, and no such receiver.", denial }
}
