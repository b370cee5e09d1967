/**
 * An operator: a person whose own access token says so, and whom `operators.yaml` names. An ID token proves a login to
 * its client, not a right to manage (RFC 9068 5).
 */
import type { IssuerDefinition } from "../policy/definition/issuers.ts"
import type { OperatorDefinition, Role } from "../policy/definition/operators.ts"
import type { Compact } from "./compact.ts"
import type { Reach } from "./key-set.ts"
import { verifyPersonToken } from "./person-token.ts"
import { isRejected, ofCredential, reject, type Rejected } from "./rejection.ts"

export interface KnownOperator {
  /** `iss` of the token. */
  readonly issuer: string
  readonly subject: string
  /** At least one. */
  readonly roles: readonly Role[]
  /** Milliseconds, when their token was issued. */
  readonly since: number
}

/** @param audience our own URL */
export async function verifyOperator(
  compact: Compact,
  issuers: readonly IssuerDefinition[],
  operators: readonly OperatorDefinition[],
  audience: string,
  reach: Reach,
): Promise<KnownOperator | Rejected> {
  const token = await verifyPersonToken(compact, issuers, audience, reach)
  if (isRejected(token)) return token
  const { issuer, claims } = token
  const { sub, iat } = claims
  const known = operators.find((each) => each.issuer === issuer.id && each.subject === sub)
  const since = typeof iat === "number" ? Math.min(iat * 1000, reach.now) : 0
  if (known) return { issuer: issuer.issuer, subject: known.subject, roles: known.roles, since }
  return ofCredential(reject({ reason: "subject_unknown", sub: typeof sub === "string" ? sub : null }), compact.token)
}
