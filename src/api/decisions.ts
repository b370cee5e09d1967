/** `/v1/decisions`: decision records. */
import { countRates } from "../audit/rates.ts"
import { findRecord, findRecords } from "../audit/record-logs.ts"
import { firstIdAt } from "../core/encoding/ids.ts"
import type { Handler } from "./handler.ts"

export const listDecisions: Handler<"listDecisions"> = async ({ query, context }) => {
  const decisions = await findRecords(context.env, query)
  // A client that follows the log asks every second: only a query that reaches further back is recorded.
  return { answer: { decisions }, ...(isLookBack(query.after, context.receivedAt) ? {} : { record: null }) }
}

/** Counts the recent records that match the same filters as the list. */
export const countDecisions: Handler<"countDecisions"> = async ({ query, context }) => ({
  answer: await countRates(context.env, query, context.receivedAt),
})

const MOMENT_MS = 60_000

function isLookBack(after: string | undefined, now: number): boolean {
  return after === undefined || after < firstIdAt("dec", now - MOMENT_MS)
}

export const showDecision: Handler<"showDecision"> = async ({ parameters: { decision: id }, context }) => {
  const found = await findRecord(context.env, id)
  if (found) return { answer: found }
  const denial = { reason: "not_found", what: id.slice(0, 64) } as const
  return { error: "not_found", description: "There is no such decision record.", denial }
}
