/**
 * A person's session at a configured OIDC provider, as an ID token or an access token. Both come from the same issuer,
 * about the same person, and providers distinguish them differently. So each has to meet rules that the other cannot:
 * type, audience, client, and the claims that the issuer's entry requires.
 */
import type { AccessTokenShape, IssuerDefinition } from "../core/policy/definition/issuers.ts"
import type { Compact } from "./jws/compact.ts"
import type { FetchContext } from "./key-sets/key-set.ts"
import { checkType } from "./token-kinds.ts"
import { readPerson, type Person } from "./person.ts"
import { isRejected, ofCredential, reject, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import { checkExact, checkPlain, textsOf, verifySigned, type Claims } from "./jws/signature.ts"
import { checkAccessTokenType, checkIdToken, checkIsPerson, clientOf, shapesOf } from "./provider-token.ts"

export type SessionKind = "id_token" | "access_token"

/**
 * 31 days: providers let their customers choose up to a month (Auth0: 30 days). Longer than for agents, because a
 * session opens nothing by itself: an agent has to authenticate beside it, and no task outlives a day.
 */
const MAX_SESSION_SECONDS = 2_678_400

export interface Session extends Person {
  /** To which the provider issued it. */
  readonly client: string
}

type Issuer = IssuerDefinition & { readonly users: NonNullable<IssuerDefinition["users"]> }

/** @param agent that presents it */
export async function verifySession(
  compact: Compact,
  kind: SessionKind,
  issuer: Issuer,
  agent: string,
  fetchContext: FetchContext,
): Promise<Session | Rejected> {
  return ofCredential(await verify(compact, kind, issuer, agent, fetchContext), compact.token)
}

async function verify(
  compact: Compact,
  kind: SessionKind,
  issuer: Issuer,
  agent: string,
  fetchContext: FetchContext,
): Promise<Session | Rejected> {
  const { users } = issuer
  const { accessToken, idToken } = shapesOf(issuer)
  const mistyped = kind === "id_token" ? checkType(compact, kind) : checkAccessTokenType(compact, accessToken)
  if (mistyped) return mistyped
  const requiredClaims = ["iss", "sub", "aud", "exp", "iat"]
  const options = { issuer: issuer.issuer ?? "", requiredClaims, maxLife: issuer.max_life ?? MAX_SESSION_SECONDS }
  const claims = await verifySigned(compact, issuer, options, fetchContext)
  if (isRejected(claims)) return claims
  const issuedTo =
    kind === "id_token" ? checkIdToken(claims, idToken, users.clients) : checkAccessToken(claims, accessToken, users)
  if (isRejected(issuedTo)) return issuedTo
  const odd = checkPlain(claims, agent)
  if (odd) return odd
  const person = readPerson(claims, issuer.issuer ?? "", users.claims, fetchContext.now)
  return isRejected(person) ? person : { ...person, ...issuedTo }
}

/** RFC 9068, sections 2.2 and 4: made for us, and issued to a client whose sessions we accept. */
function checkAccessToken(
  claims: Claims,
  shape: AccessTokenShape,
  { audiences, clients }: Issuer["users"],
): Pick<Session, "client"> | Rejected {
  const got = textsOf(claims["aud"])
  if (!got.some((audience) => audiences.includes(audience))) return reject({ reason: "audience_mismatch", got })
  const issuedTo = clientOf(claims, shape, clients)
  if (isRejected(issuedTo)) return issuedTo
  return checkIsPerson(claims, issuedTo.client, shape.absent) ?? checkExact(claims, shape.require) ?? issuedTo
}
