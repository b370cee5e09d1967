/**
 * An operator's access token (RFC 9068): for our own URL and nothing else, given to a client that is registered for operators. An ID token
 * proves a login to its client, not a right to manage (RFC 9068 5).
 */
import type { IssuerDefinition, OperatorDefinition, Role } from "../policy/bundle.ts"
import type { Compact } from "./compact.ts"
import type { Reach } from "./key-set.ts"
import { isRejected, ofCredential, reject, shownName, type Rejected } from "./rejection.ts"
import { checkPlain, isSoleAudience, MAX_LIFE_SECONDS, textsOf, typeOf, verifySigned } from "./signature.ts"

export interface KnownOperator {
  /** `iss` of the token. */
  readonly issuer: string
  readonly subject: string
  readonly roles: readonly Role[]
}

/** @param audience our own URL */
export async function verifyOperator(
  compact: Compact,
  issuers: readonly IssuerDefinition[],
  operators: readonly OperatorDefinition[],
  audience: string,
  reach: Reach,
): Promise<KnownOperator | Rejected> {
  return ofCredential(await verify(compact, issuers, operators, audience, reach), compact.token)
}

async function verify(
  compact: Compact,
  issuers: readonly IssuerDefinition[],
  operators: readonly OperatorDefinition[],
  audience: string,
  reach: Reach,
): Promise<KnownOperator | Rejected> {
  const { iss } = compact.claims
  const issuer = issuers.find((known) => known.operators && known.issuer !== undefined && known.issuer === iss)
  if (issuer?.issuer === undefined || !issuer.operators) {
    return reject({ reason: "issuer_unknown", iss: typeof iss === "string" ? iss : null })
  }
  const typ = typeOf(compact)
  if (typ !== "at+jwt") return reject({ reason: "type_refused", typ })
  // Whatever is taken of its people's sessions: what manages opens everything, by itself.
  const maxLife = Math.min(issuer.max_life ?? MAX_LIFE_SECONDS, MAX_LIFE_SECONDS)
  const options = { issuer: issuer.issuer, requiredClaims: ["sub", "aud", "exp", "iat"], maxLife }
  const claims = await verifySigned(compact, issuer, options, reach)
  if (isRejected(claims)) return claims
  // Another API that the token is for as well could come here with it.
  if (!isSoleAudience(claims["aud"], audience))
    return reject({ reason: "audience_mismatch", got: textsOf(claims["aud"]) })
  // The session token that a person's app hands to an agent is for our URL too: its client tells the two apart.
  const { client_id: client, sub } = claims
  if (typeof client !== "string" || !issuer.operators.clients.includes(client)) {
    return reject({ reason: "client_mismatch", got: shownName(client) })
  }
  const odd = checkPlain(claims, null)
  if (odd) return odd
  const known = operators.find((each) => each.issuer === issuer.id && each.subject === sub)
  return known
    ? { issuer: issuer.issuer, subject: known.subject, roles: known.roles }
    : reject({ reason: "subject_unknown", sub: typeof sub === "string" ? sub : null })
}
