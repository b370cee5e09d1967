/**
 * `POST /v1/decisions/:id/comparisons`: whether a recorded call had exactly these arguments. The hash in a record has a key,
 * so that nobody finds what is redacted by trying; this is how an operator who knows the arguments proves that they were
 * these. Each comparison is a guess as well: it is recorded, and there are few in a day.
 */
import * as z from "zod"
import { recordKey } from "../audit/record-key.ts"
import { findRecord } from "../audit/record-logs.ts"
import { argumentsDigest } from "../core/catalog/arguments.ts"
import { isSame } from "../core/encoding/constant-time.ts"
import { keyRing } from "../signing/key-ring.ts"
import { isMisread, readBody } from "../platform/json-body.ts"
import { logEvent } from "../platform/log.ts"
import { members } from "./contract/members.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { RequestContext } from "../request-context.ts"
import { authenticateOperator, permitOperator } from "./operator.ts"
import { malformed, type ApiResult } from "./outcome.ts"

const MAX_BODY_BYTES = 65_536
/** Seconds: comparisons are counted for a day, and one may be free again at any time. */
const RETRY_AFTER = 3_600

const bodySchema = z.strictObject({ arguments: members })

const UNAVAILABLE = {
  status: 503,
  body: { error: "unavailable", error_description: "The comparison could not be made at the moment: try again." },
  record: { code: "unavailable" },
} as const
const TOO_MANY = {
  status: 429,
  headers: { "Retry-After": String(RETRY_AFTER) },
  body: { error: "rate_limited", error_description: "Too many comparisons today, with this record or in all." },
  record: { code: "rate_limited", denial: { reason: "too_many_comparisons" } },
} as const

export async function compareArguments(
  request: Request,
  id: string,
  bundle: Bundle,
  context: RequestContext,
): Promise<ApiResult> {
  const target = id.slice(0, 64)
  const asker = await authenticateOperator(request, "operator", bundle, context)
  if ("status" in asker) return asker
  const body = await readBody(request, bodySchema, MAX_BODY_BYTES)
  const permitted = permitOperator(asker, { area: "decisions", kind: "decision", target }, bundle)
  if ("status" in permitted) return permitted
  const refused = (outcome: ApiResult): ApiResult => {
    return { ...outcome, record: { ...outcome.record, ...permitted, arguments: { decision: target } } }
  }
  if (isMisread(body)) {
    return refused(malformed(`${body.wrong} Give all arguments of the call: {"arguments": {…}}.`))
  }
  const { env, receivedAt } = context
  const found = await findRecord(env, id)
  if (!found || found.arguments_hash === null) {
    const denial = { reason: "not_found", what: target } as const
    const error_description = "There is no such record with a hash of arguments."
    return {
      status: 404,
      body: { error: "not_found", error_description },
      record: { code: "not_found", denial, ...permitted },
    }
  }
  // The record tells how many there were: a comparison that cannot be true is no guess, and costs none.
  const count = Object.keys(found.arguments).length + (found.arguments_omitted ?? 0)
  const given = Object.keys(body.arguments).length
  if (found.arguments_omitted !== null && !found.cut.includes("arguments") && given !== count) {
    return refused(malformed(`The call had ${count} arguments, and ${given} were given: give them all.`))
  }
  try {
    // Counted before it is looked at: what cannot be answered has been asked all the same.
    if (!(await keyRing(env).admitComparison(found.id))) return refused(TOO_MANY)
  } catch (error) {
    logEvent("comparison_failed", { error: String(error) })
    return refused(UNAVAILABLE)
  }
  const key = await recordKey(env, receivedAt)
  if (key === null) return refused(UNAVAILABLE)
  const digest = argumentsDigest({ complete: true, values: body.arguments }, found.id, key)
  const same = digest !== null && isSame(digest, found.arguments_hash)
  const record = { decision: "allow", code: "ok", ...permitted, arguments: { decision: found.id, same } } as const
  return { status: 200, body: { decision: found.id, same }, record }
}
