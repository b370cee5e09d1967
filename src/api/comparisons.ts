/**
 * `POST /v1/decisions/:decision/comparisons`: tells whether a recorded call had exactly the given arguments. The record
 * holds a keyed hash, so that nobody can find redacted values by trying; an operator who knows the arguments proves
 * them here. Each comparison is also a guess, so it is recorded and limited per day.
 */
import { recordKey } from "../audit/record-key.ts"
import { findRecord } from "../audit/record-logs.ts"
import { argumentsDigest } from "../core/catalog/arguments-hash.ts"
import { isSame } from "../core/encoding/constant-time.ts"
import { keyRing } from "../signing/key-ring.ts"
import { currentLease } from "../revocation/lease.ts"
import { logEvent } from "../platform/log.ts"
import type { Handler } from "./handler.ts"

/** Seconds. Comparisons are counted over a day, so one may become free at any time. */
const RETRY_AFTER = 3_600

export const compareArguments: Handler<"compareArguments"> = async ({ parameters, body, context }) => {
  const { decision: id } = parameters
  const { env } = context
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
  // The record has the number of arguments. A comparison with another number cannot be true, so it is no guess and is
  // not counted.
  const count = Object.keys(found.arguments).length + (found.arguments_omitted ?? 0)
  const given = Object.keys(body.arguments).length
  if (found.arguments_omitted !== null && !found.cut.includes("arguments") && given !== count) {
    const description = `The call had ${count} arguments, and ${given} were given: give them all.`
    return { error: "invalid_request", description, record }
  }
  try {
    // The comparison is counted before it is made, so that one that fails counts, too.
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
  // An isolate that has a lease has the secret.
  await currentLease(context)
  const key = recordKey()
  if (key === null) return unavailable
  const digest = argumentsDigest({ complete: true, values: body.arguments }, found.id, key)
  const same = digest !== null && isSame(digest, found.arguments_hash)
  return { answer: { decision: found.id, same }, record: { arguments: { decision: found.id, same } } }
}
