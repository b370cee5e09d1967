/**
 * Our own delegation token, the only kind of token a gateway's call may carry: a JWT access token (RFC 9068,
 * `at+jwt`) signed by our key ring. Verified tokens are remembered, as their signature does not change.
 */
import { jwtVerify, errors } from "jose"
import { z } from "zod"
import { deny, type Denied } from "../decision.ts"
import { tokenHash } from "../hash.ts"
import { OWN_ALGORITHM } from "./algorithm.ts"
import { peek } from "./compact.ts"
import type { KeyFinder } from "./own-keys.ts"

export const DELEGATION_TOKEN_TYPE = "at+jwt"

const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.string(),
  client_id: z.string(),
  task: z.string().regex(/^tsk_[0-9A-HJKMNP-TV-Z]{26}(?:\.[1-9][0-9]{0,5}){0,16}$/),
  purpose: z.string(),
  scope: z.string(),
  cnf: z.object({ jkt: z.string() }).optional(),
  iat: z.number(),
  exp: z.number(),
  jti: z.string(),
})
export type DelegationClaims = z.infer<typeof claimsSchema>

export interface VerifiedToken {
  readonly claims: DelegationClaims
  /** Tells it apart in records; see `tokenHash`. */
  readonly hash: string
  readonly kid: string
}

/** Tokens verified lately, oldest first. Bounded: a flood of tokens costs time, never memory. */
const MAX_REMEMBERED = 5_000
const remembered = new Map<string, VerifiedToken>()

/**
 * @param issuer our own
 * @param audiences those that are expected where it was shown
 * @param now milliseconds
 */
export async function verifyDelegationToken(
  token: string,
  keys: KeyFinder,
  issuer: string,
  audiences: ReadonlySet<string>,
  now: number,
): Promise<VerifiedToken | Denied> {
  const verified = remembered.get(token) ?? (await verify(token, keys, issuer, now))
  if ("denied" in verified) return verified
  // A key that has left the ring takes its tokens with it, remembered or not.
  if (!(await keys.find(verified.kid))) return deny({ reason: "token_rejected", what: "unknown key" })
  const { claims } = verified
  if (now >= claims.exp * 1000) {
    remembered.delete(token)
    return deny({ reason: "token_expired", expired_at: claims.exp })
  }
  if (!remembered.has(token)) remember(token, verified)
  if (!audiences.has(claims.aud))
    return deny({ reason: "audience_mismatch", expected: [...audiences], got: claims.aud })
  return verified
}

async function verify(token: string, keys: KeyFinder, issuer: string, now: number): Promise<VerifiedToken | Denied> {
  const header = peek(token)
  if (!header) return deny({ reason: "token_malformed", what: "no compact JWS" })
  const { kid } = header
  if (kid === undefined) return deny({ reason: "token_rejected", what: "unknown key" })
  const key = await keys.find(kid)
  if (!key) return deny({ reason: "token_rejected", what: "unknown key" })
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [OWN_ALGORITHM],
      typ: DELEGATION_TOKEN_TYPE,
      issuer,
      requiredClaims: ["iss", "sub", "aud", "client_id", "task", "iat", "exp", "jti"],
      currentDate: new Date(now),
    })
    const claims = claimsSchema.safeParse(payload)
    if (!claims.success) return deny({ reason: "token_malformed", what: "claims" })
    return { claims: claims.data, hash: tokenHash(token), kid }
  } catch (error) {
    if (error instanceof errors.JWTExpired)
      return deny({ reason: "token_expired", expired_at: Number(error.payload.exp) })
    if (error instanceof errors.JOSEError) return deny({ reason: "token_rejected", what: error.code })
    throw error
  }
}

function remember(token: string, verified: VerifiedToken): void {
  if (remembered.size >= MAX_REMEMBERED) {
    const [oldest] = remembered.keys()
    if (oldest !== undefined) remembered.delete(oldest)
  }
  remembered.set(token, verified)
}
