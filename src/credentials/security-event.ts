/**
 * Security Event Token (SET, RFC 8417): a transmitter reports what has happened to a subject. It opens nothing. It has
 * its own type and no `sub`, and all other kinds reject `events`. So neither is a logout token or an ID token of the
 * same issuer accepted as a SET, nor the reverse (RFC 8725, sections 3.11 and 3.12).
 */
import { isObject } from "../core/encoding/json.ts"
import type { StreamDefinition } from "../core/policy/definition/streams.ts"
import type { Compact } from "./jws/compact.ts"
import type { FetchContext } from "./key-sets/key-set.ts"
import { isRejected, ofCredential, reject, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import type { SecurityEvents } from "../core/signals/event-effects.ts"
import { CLOCK_TOLERANCE_SECONDS, textsOf, verifySigned } from "./jws/signature.ts"
import { checkType } from "./token-kinds.ts"

/**
 * A week: what a transmitter could not deliver on a Friday still matters on a Monday, and its `jti` has to be
 * remembered for as long.
 */
export const MAX_AGE_SECONDS = 604_800
const MAX_EVENTS = 16

/** @param stream whose rules it has to meet, chosen by its unverified claims */
export async function verifySecurityEvents(
  compact: Compact,
  stream: StreamDefinition,
  fetchContext: FetchContext,
): Promise<SecurityEvents | Rejected> {
  return ofCredential(await verify(compact, stream, fetchContext), compact.token)
}

async function verify(
  compact: Compact,
  stream: StreamDefinition,
  fetchContext: FetchContext,
): Promise<SecurityEvents | Rejected> {
  const mistyped = checkType(compact, "security_event")
  if (mistyped) return mistyped
  const requiredClaims = ["iss", "aud", "iat", "jti", "events"]
  const claims = await verifySigned(
    compact,
    stream,
    { issuer: stream.issuer, requiredClaims, maxLife: null },
    fetchContext,
  )
  if (isRejected(claims)) return claims
  const { aud, iat, jti, toe = iat, sub_id: subject, events } = claims
  const audiences = textsOf(aud)
  if (!audiences.some((audience) => stream.audiences.includes(audience)))
    return reject({ reason: "audience_mismatch", got: audiences })
  // Its subject is in `sub_id`; with `sub` it could be read as a token of that person (SSF 1.0).
  if ("sub" in claims) return reject({ reason: "claim_mismatch", claim: "sub" })
  if (typeof iat !== "number") return reject({ reason: "claim_mismatch", claim: "iat" })
  if (typeof toe !== "number") return reject({ reason: "claim_mismatch", claim: "toe" })
  const last = iat + MAX_AGE_SECONDS
  if (last + CLOCK_TOLERANCE_SECONDS < fetchContext.now / 1000) return reject({ reason: "expired", exp: last })
  if (typeof jti !== "string" || jti === "" || jti.length > 256)
    return reject({ reason: "claim_mismatch", claim: "jti" })
  const entries = isObject(events) ? Object.entries(events) : []
  if (entries.length === 0 || entries.length > MAX_EVENTS) return reject({ reason: "claim_mismatch", claim: "events" })
  const read: [string, Readonly<Record<string, unknown>>][] = []
  for (const [type, event] of entries) {
    if (!isObject(event)) return reject({ reason: "claim_mismatch", claim: "events" })
    read.push([type, event])
  }
  return { jti, until: (last + CLOCK_TOLERANCE_SECONDS) * 1000, at: toe, subject, events: read }
}
