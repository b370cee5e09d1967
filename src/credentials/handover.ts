/**
 * The hand-over of a task that is bound to a key. That key signs it for one other agent and that agent's key, for the
 * token it goes with, once. Without it, a thief of a bound token could exchange it for one of their own. It is no DPoP
 * proof, which authenticates the caller and hands nothing over.
 */
import * as z from "zod"
import { jwtVerify } from "jose"
import { sha256Base64url } from "../core/encoding/hash.ts"
import { isObject } from "../core/encoding/json.ts"
import { readCompact } from "./jws/compact.ts"
import { PROOF_ALGORITHMS, proofKey } from "./dpop.ts"
import { brief, isRejected } from "../core/denials/terms/credential-rejection.ts"
import { isSoleAudience, rejectionOf } from "./jws/signature.ts"
import { checkType } from "./token-kinds.ts"

export interface Handover {
  /** Thumbprint of the key that signed it, which must be the parent token's. */
  readonly jkt: string
  readonly jti: string
  /** Milliseconds since the epoch; from then on it is rejected as stale. */
  readonly freshUntil: number
}

const MAX_AGE_SECONDS = 300
const MAX_AHEAD_SECONDS = 10

const claimsSchema = z.object({
  aud: z.unknown(),
  /** The agent that receives the task. */
  sub: z.string(),
  cnf: z.strictObject({ jkt: z.string() }),
  /** As in a DPoP proof (RFC 9449, section 4.2): the parent's token. */
  ath: z.string(),
  jti: z.string().min(1).max(256),
  iat: z.number(),
})

/**
 * @param expected our own URL; the requesting agent and the key that it has proven; the token that it presents
 * @param now milliseconds
 * @returns why it is rejected, for the record
 */
export async function verifyHandover(
  text: string,
  expected: { readonly audience: string; readonly agent: string; readonly jkt: string; readonly token: string },
  now: number,
): Promise<Handover | { readonly rejected: string }> {
  const compact = readCompact(text, true)
  if (isRejected(compact)) return { rejected: brief(compact.rejected) }
  const { alg, jwk } = compact.header
  if (checkType(compact, "hand_over")) return { rejected: "type_refused" }
  if (!PROOF_ALGORITHMS.includes(alg)) return { rejected: "algorithm_refused" }
  const key = isObject(jwk) ? await proofKey(jwk, alg) : null
  if (!key) return { rejected: "key_refused" }
  const claims = claimsSchema.safeParse(compact.claims)
  if (!claims.success) return { rejected: "claim_missing" }
  const { aud, sub, cnf, ath, jti, iat } = claims.data
  if (!isSoleAudience(aud, expected.audience)) return { rejected: "aud" }
  if (sub !== expected.agent) return { rejected: "sub" }
  if (cnf.jkt !== expected.jkt) return { rejected: "cnf" }
  if (ath !== sha256Base64url(expected.token)) return { rejected: "ath" }
  const age = now / 1000 - iat
  if (age > MAX_AGE_SECONDS || age < -MAX_AHEAD_SECONDS) return { rejected: "iat" }
  try {
    await jwtVerify(text, key.key, { algorithms: [alg], currentDate: new Date(now) })
  } catch (error) {
    return { rejected: rejectionOf(error).rejected.reason }
  }
  return { jkt: key.jkt, jti, freshUntil: Math.ceil((iat + MAX_AGE_SECONDS) * 1000) + 1 }
}
