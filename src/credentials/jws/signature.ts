/**
 * The checks that tokens of all kinds share: an allowed algorithm, a key of a permitted signer, and valid times. Each
 * kind adds its own rules in its own file, and begins with the header's type, so that no token of one kind is accepted
 * as another (RFC 8725, sections 3.11 and 3.12).
 */
import { errors, jwtVerify, type JWTVerifyOptions } from "jose"
import { isObject } from "../../core/encoding/json.ts"
import type { ExactClaims } from "../../core/policy/definition/claims.ts"
import type { Compact } from "./compact.ts"
import { findKey, findOtherKey, type KeyOwner, type FetchContext } from "../key-sets/key-set.ts"
import { reject, type Rejected } from "../../core/denials/terms/credential-rejection.ts"

/** Clocks of issuers may differ from ours by this much. Each second more would prolong every expired credential. */
export const CLOCK_TOLERANCE_SECONDS = 30

/**
 * A credential that never ends is a permanent identity, and if it is single-use, its `jti` is never forgotten. A day is
 * the longest that any workload's platform issues by default (AWS for Kubernetes); most are minutes.
 */
export const MAX_LIFE_SECONDS = 86_400

export type Claims = Compact["claims"]

interface Checks extends Pick<JWTVerifyOptions, "issuer" | "requiredClaims"> {
  /**
   * The longest life in seconds. Null for an event token, which reports the past and does not expire (RFC 8417, section
   * 2.2).
   */
  readonly maxLife: number | null
}

/** @param options what `jose` is to check: the issuer, which must be present; and seconds of life */
export async function verifySigned(
  { token, header, claims }: Compact,
  owner: KeyOwner,
  { maxLife, ...options }: Checks,
  fetchContext: FetchContext,
): Promise<Claims | Rejected> {
  const { alg, kid } = header
  if (!owner.algorithms.includes(alg)) return reject({ reason: "algorithm_refused", alg })
  const found = await findKey(owner, kid, alg, fetchContext)
  if ("missing" in found) {
    return reject(
      found.missing === "keys" ? { reason: "keys_unavailable", issuer: owner.id } : { reason: "key_unknown", kid },
    )
  }
  const verify = async (key: CryptoKey): Promise<Rejected | null> => {
    try {
      const times = { clockTolerance: CLOCK_TOLERANCE_SECONDS, currentDate: new Date(fetchContext.now) }
      await jwtVerify(token, key, { ...options, ...times, algorithms: [alg] })
      return null
    } catch (error) {
      return rejectionOf(error)
    }
  }
  let rejected = await verify(found.key)
  if (rejected?.rejected.reason === "signature_invalid") {
    const other = await findOtherKey(owner, kid, alg, found.key, fetchContext)
    if (other) rejected = await verify(other)
  }
  if (rejected) return rejected
  return (
    checkIssued(claims, fetchContext.now) ??
    (maxLife === null ? null : checkLife(claims, maxLife, fetchContext.now)) ??
    claims
  )
}

/** A token from the future comes from a clock by which no time can be checked. */
function checkIssued({ iat }: Claims, now: number): Rejected | null {
  if (iat === undefined) return null
  if (typeof iat !== "number") return reject({ reason: "claim_mismatch", claim: "iat" })
  return iat > now / 1000 + CLOCK_TOLERANCE_SECONDS ? reject({ reason: "not_yet_valid", from: iat }) : null
}

/** Counted from its issue if it says when: a token that was made for years must not be accepted on its last day. */
function checkLife({ iat, exp }: Claims, maxLife: number, now: number): Rejected | null {
  if (typeof exp !== "number") return reject({ reason: "claim_missing", claim: "exp" })
  const from = typeof iat === "number" ? Math.min(iat, now / 1000) : now / 1000
  const seconds = exp - from
  return seconds <= maxLife + CLOCK_TOLERANCE_SECONDS ? null : reject({ reason: "too_long_lived", seconds })
}

/** The library's error code as a value; an error without one is a defect. */
export function rejectionOf(error: unknown): Rejected {
  if (error instanceof errors.JWTExpired) return reject({ reason: "expired", exp: Number(error.payload.exp) })
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, payload } = error
    if (claim === "nbf") return reject({ reason: "not_yet_valid", from: Number(payload.nbf) })
    if (claim === "aud" && payload.aud !== undefined)
      return reject({ reason: "audience_mismatch", got: textsOf(payload.aud) })
    return reject({ reason: error.reason === "missing" ? "claim_missing" : "claim_mismatch", claim })
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) return reject({ reason: "signature_invalid" })
  if (error instanceof errors.JOSEError) return reject({ reason: "malformed", what: "it is no signed JWT" })
  throw error
}

/** `typ` in lower case, without the media type's prefix (RFC 7515, section 4.1.9). Null if there is none. */
export function typeOf({ header }: Pick<Compact, "header">): string | null {
  return header.typ === null ? null : header.typ.toLowerCase().replace(/^application\//, "")
}

/** A claim that is a text or a list of texts, as a list. */
export function textsOf(claim: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(claim) ? claim : [claim]
  return values.filter((value) => typeof value === "string")
}

export function isSoleAudience(aud: unknown, expected: string): boolean {
  return Array.isArray(aud) ? aud.length === 1 && aud[0] === expected : aud === expected
}

/**
 * Requires that the token is for us. If it were also for another API, that API could use it here: only those may stand
 * beside us that the issuer's entry names.
 */
export function checkAudience(
  { aud }: Claims,
  ours: readonly string[],
  others: readonly string[] = [],
): Rejected | null {
  const got = textsOf(aud)
  const known = new Set([...ours, ...others])
  const isList = new Set(got).size === (Array.isArray(aud) ? aud.length : 1)
  const isOurs = isList && got.some((each) => ours.includes(each)) && got.every((each) => known.has(each))
  return isOurs ? null : reject({ reason: "audience_mismatch", got })
}

/**
 * Rejects a token that is not a plain one of its kind: delegated already or naming an actor (RFC 8693, sections 4.1 and
 * 4.4), bound to a key that nobody proves here (RFC 7800, section 3.1), or a security event of the same issuer for the
 * same client (RFC 8417, section 2.2).
 * @param actor that its `may_act` may name; null: it may have none
 */
export function checkPlain(claims: Claims, actor: string | null): Rejected | null {
  if ("act" in claims) return reject({ reason: "delegated" })
  if ("may_act" in claims && !(actor !== null && names(claims["may_act"], actor)))
    return reject({ reason: "actor_not_allowed" })
  if ("cnf" in claims) return reject({ reason: "bound" })
  return "events" in claims ? reject({ reason: "security_event" }) : null
}

/** By its subject alone: an actor that is also named by issuer or client is not one that we know under this name. */
function names(mayAct: unknown, actor: string): boolean {
  return isObject(mayAct) && mayAct["sub"] === actor && Object.keys(mayAct).length === 1
}

export function checkExact(claims: Claims, required: ExactClaims): Rejected | null {
  for (const [claim, value] of Object.entries(required)) {
    if (!Object.hasOwn(claims, claim)) return reject({ reason: "claim_missing", claim })
    const got = claims[claim]
    if (typeof value !== "object") {
      if (got !== value) return reject({ reason: "claim_mismatch", claim })
      continue
    }
    const inner = isObject(got) ? checkExact(got, value) : reject({ reason: "claim_mismatch", claim })
    if (inner) return inner
  }
  return null
}
