/**
 * An operator's access token (RFC 9068): for our own URL, given to a client that is registered for operators. An ID token
 * proves a login to its client, not a right to manage (RFC 9068 5).
 */
import type { IssuerDefinition, OperatorDefinition, Role } from "../policy/bundle.ts"
import type { Compact } from "./compact.ts"
import type { Reach } from "./key-set.ts"
import { isRejected, reject, type Rejected } from "./rejection.ts"
import { checkPlain, typeOf, verifySigned } from "./signature.ts"

export interface KnownOperator {
  /** `iss` of the token. */
  readonly issuer: string
  readonly subject: string
  readonly roles: readonly Role[]
}

/**
 * @param audience our own URL
 * @returns the operator, who has at least one role
 */
export async function verifyOperator(
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
  const options = { issuer: issuer.issuer, audience, requiredClaims: ["sub", "aud", "exp", "iat"] }
  const claims = await verifySigned(compact, issuer, options, reach)
  if (isRejected(claims)) return claims
  // The session token that a person's app hands to an agent is for our URL too: its client tells the two apart.
  const { client_id: client, sub } = claims
  if (typeof client !== "string" || !issuer.operators.clients.includes(client)) {
    return reject({ reason: "client_mismatch", got: typeof client === "string" ? client : null })
  }
  const odd = checkPlain(claims, null)
  if (odd) return odd
  const known = operators.find((each) => each.issuer === issuer.id && each.subject === sub)
  return known
    ? { issuer: issuer.issuer, subject: known.subject, roles: known.roles }
    : reject({ reason: "subject_unknown", sub: typeof sub === "string" ? sub : null })
}
