/** `/v1/decisions`: decision records. */
import { countRates } from "../audit/rates.ts"
import { findRecord, listArrivals, listRecords } from "../audit/record-logs.ts"
import { firstIdAt } from "../core/encoding/ids.ts"
import type { Handler } from "./handler.ts"

export const listDecisions: Handler<"listDecisions"> = async ({ query, context }) => {
  const { arrived_after: since, ...which } = query
  const { env, receivedAt } = context
  const found = since === undefined ? await listRecords(env, which) : await listArrivals(env, which, since)
  const { records: decisions, arrived } = found
  // A client that follows the log asks every second: only a query that reaches further back is recorded.
  const reachesBack =
    since === undefined
      ? (query.after ?? "") < firstIdAt("dec", receivedAt - MOMENT_MS)
      : decisions.some(({ id }) => id < firstIdAt("dec", receivedAt - MOMENT_MS - LATE_MS))
  return { answer: { decisions, arrived }, ...(reachesBack ? {} : { record: null }) }
}
const MOMENT_MS = 60_000
/** Records of lone reads arrive this much later (`RECORD_DELAY_SECONDS`). */
const LATE_MS = 60_000

/** Counts the recent records that match the same filters as the list. */
export const countDecisions: Handler<"countDecisions"> = async ({ query, context }) => ({
  answer: await countRates(context.env, query, context.receivedAt),
})

export const showDecision: Handler<"showDecision"> = async ({ parameters: { decision: id }, context }) => {
  const found = await findRecord(context.env, id)
  if (found) return { answer: found }
  const denial = { reason: "not_found", what: id.slice(0, 64) } as const
  return { error: "not_found", description: "There is no such decision record.", denial }
}
