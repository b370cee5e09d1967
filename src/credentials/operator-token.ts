/** An operator: a person, or a machine, whom a token of their own identifies, and whom `operators.yaml` names. */
import type { IssuerDefinition } from "../core/policy/definition/issuers.ts"
import type { OperatorDefinition, Role } from "../core/policy/definition/operators.ts"
import type { FetchContext } from "./key-sets/key-set.ts"
import { namesIn, verifyPersonToken, type PersonName, type PersonToken } from "./person-token.ts"
import { isRejected, ofCredential, reject, type Rejected } from "../core/denials/terms/credential-rejection.ts"

export interface KnownOperator {
  /** `iss` of the token. */
  readonly issuer: string
  readonly subject: string
  /** At least one. */
  readonly roles: readonly Role[]
  /** Milliseconds since the epoch, when their token was issued. */
  readonly since: number
  /** All names by which they can be revoked. */
  readonly names: readonly PersonName[]
}

/** @param audience our own URL */
export async function verifyOperator(
  token: string,
  issuers: readonly IssuerDefinition[],
  operators: readonly OperatorDefinition[],
  audience: string,
  fetchContext: FetchContext,
): Promise<KnownOperator | Rejected> {
  const person = await verifyPersonToken(token, issuers, audience, fetchContext)
  if (isRejected(person)) return person
  const { issuer, subject, issuedAt: since } = person
  const operator = operatorBy(person, operators)
  if (operator)
    return { issuer: issuer.issuer, subject, roles: operator.roles, since, names: namesIn(person, fetchContext) }
  return ofCredential(reject({ reason: "subject_unknown", sub: subject }), token)
}

/** Undefined if the person is no operator. */
export function operatorBy(
  { issuer, subject }: PersonToken,
  operators: readonly OperatorDefinition[],
): OperatorDefinition | undefined {
  return operators.find((each) => each.issuer === issuer.id && each.subject === subject)
}
