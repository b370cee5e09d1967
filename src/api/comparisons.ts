/**
 * `POST /v1/decisions/:decision/comparisons`: whether a recorded call had exactly these arguments. The hash in a record has a key,
 * so that nobody finds what is redacted by trying; this is how an operator who knows the arguments proves that they were
 * these. Each comparison is a guess as well: it is recorded, and there are few in a day.
 */
import { recordKey } from "../audit/record-key.ts"
import { findRecord } from "../audit/record-logs.ts"
import { argumentsDigest } from "../core/catalog/arguments.ts"
import { isSame } from "../core/encoding/constant-time.ts"
import { keyRing } from "../signing/key-ring.ts"
import { logEvent } from "../platform/log.ts"
import type { Handler } from "./handler.ts"

/** Seconds: comparisons are counted for a day, and one may be free again at any time. */
const RETRY_AFTER = 3_600

export const compareArguments: Handler<"compareArguments"> = async ({ parameters, body, context }) => {
  const { decision: id } = parameters
  const { env, receivedAt } = context
  const target = id.slice(0, 64)
  const record = { arguments: { decision: target } }
  const unavailable = {
    error: "unavailable",
    description: "The comparison could not be made at the moment: try again.",
    record,
  } as const
  const found = await findRecord(env, id)
  if (!found || found.arguments_hash === null) {
    const denial = { reason: "not_found", what: target } as const
    return { error: "not_found", description: "There is no such record with a hash of arguments.", denial }
  }
  // The record tells how many there were: a comparison that cannot be true is no guess, and costs none.
  const count = Object.keys(found.arguments).length + (found.arguments_omitted ?? 0)
  const given = Object.keys(body.arguments).length
  if (found.arguments_omitted !== null && !found.cut.includes("arguments") && given !== count) {
    const description = `The call had ${count} arguments, and ${given} were given: give them all.`
    return { error: "invalid_request", description, record }
  }
  try {
    // Counted before it is looked at: what cannot be answered has been asked all the same.
    if (!(await keyRing(env).admitComparison(found.id))) {
      return {
        error: "rate_limited",
        description: "Too many comparisons today, with this record or in all.",
        denial: { reason: "too_many_comparisons" },
        headers: { "Retry-After": String(RETRY_AFTER) },
        record,
      }
    }
  } catch (error) {
    logEvent("comparison_failed", { error: String(error) })
    return unavailable
  }
  const key = await recordKey(env, receivedAt)
  if (key === null) return unavailable
  const digest = argumentsDigest({ complete: true, values: body.arguments }, found.id, key)
  const same = digest !== null && isSame(digest, found.arguments_hash)
  return { answer: { decision: found.id, same }, record: { arguments: { decision: found.id, same } } }
}
