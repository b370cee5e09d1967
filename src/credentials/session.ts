/**
 * A person's session at a configured OIDC provider, as an ID token or an access token. Both come from the same issuer,
 * about the same person, and providers distinguish them differently. So each has to meet rules that the other cannot:
 * type, audience, client, and the claims that the issuer's entry requires.
 */
import type { IssuerDefinition } from "../core/policy/definition/issuers.ts"
import type { Compact } from "./jws/compact.ts"
import type { FetchContext } from "./key-sets/key-set.ts"
import { checkType } from "./token-kinds.ts"
import { readPerson, type Person } from "./person.ts"
import {
  isRejected,
  ofCredential,
  reject,
  shownName,
  type Rejected,
} from "../core/denials/terms/credential-rejection.ts"
import { checkExact, checkPlain, textsOf, typeOf, verifySigned, type Claims } from "./jws/signature.ts"

export type SessionKind = "id_token" | "access_token"

/**
 * 31 days: providers let their customers choose up to a month (Auth0: 30 days). Longer than for agents, because a
 * session opens nothing by itself: an agent has to authenticate beside it, and no task outlives a day.
 */
const MAX_SESSION_SECONDS = 2_678_400

type Users = NonNullable<IssuerDefinition["users"]>

/** @param agent that presents it */
export async function verifySession(
  compact: Compact,
  kind: SessionKind,
  issuer: IssuerDefinition & { readonly users: Users },
  agent: string,
  fetchContext: FetchContext,
): Promise<Person | Rejected> {
  return ofCredential(await verify(compact, kind, issuer, agent, fetchContext), compact.token)
}

async function verify(
  compact: Compact,
  kind: SessionKind,
  issuer: IssuerDefinition & { readonly users: Users },
  agent: string,
  fetchContext: FetchContext,
): Promise<Person | Rejected> {
  const { users } = issuer
  const mistyped = kind === "id_token" ? checkType(compact, kind) : checkAccessTokenType(compact, users)
  if (mistyped) return mistyped
  const requiredClaims = ["iss", "sub", "aud", "exp", "iat"]
  const options = { issuer: issuer.issuer ?? "", requiredClaims, maxLife: issuer.max_life ?? MAX_SESSION_SECONDS }
  const claims = await verifySigned(compact, issuer, options, fetchContext)
  if (isRejected(claims)) return claims
  const odd =
    (kind === "id_token" ? checkIdToken(claims, users) : checkAccessToken(claims, users)) ??
    checkExact(claims, users[kind].require) ??
    checkPlain(claims, agent)
  return odd ?? readPerson(claims, issuer.issuer ?? "", users.claims, fetchContext.now)
}

/**
 * The type that the issuer's entry expects. Logout tokens and security events have types of their own, and are for the
 * same clients (RFC 8725, section 3.11).
 */
function checkAccessTokenType(compact: Compact, { access_token: { type } }: Users): Rejected | null {
  const typ = typeOf(compact)
  return typ === (type === "none" ? null : type.toLowerCase()) ? null : reject({ reason: "type_refused", typ })
}

/** OIDC Core, sections 2 and 3.1.3.7: for our clients alone; `azp`, if present, is one of them. */
function checkIdToken({ aud, azp }: Claims, { clients }: Users): Rejected | null {
  const audiences = textsOf(aud)
  const isText = audiences.length === (Array.isArray(aud) ? aud.length : 1)
  if (audiences.length === 0 || !isText || !audiences.every((audience) => clients.includes(audience))) {
    return reject({ reason: "audience_mismatch", got: audiences })
  }
  const party = azp === undefined && audiences.length === 1 ? audiences[0] : azp
  return typeof party === "string" && clients.includes(party)
    ? null
    : reject({ reason: "client_mismatch", got: shownName(party) })
}

/** RFC 9068, sections 2.2 and 4: made for us, and issued to a client whose sessions we accept. */
function checkAccessToken(claims: Claims, { audiences, clients, access_token }: Users): Rejected | null {
  const got = textsOf(claims["aud"])
  if (!got.some((audience) => audiences.includes(audience))) return reject({ reason: "audience_mismatch", got })
  const client = claims[access_token.client_claim]
  if (typeof client !== "string" || !clients.includes(client)) {
    return reject({ reason: "client_mismatch", got: shownName(client) })
  }
  return checkIsPerson(claims, client, access_token.absent)
}

/** An app's own token has the shape of a person's, but the app is its own subject, in one spelling or another. */
function checkIsPerson(claims: Claims, client: string, absent: readonly string[]): Rejected | null {
  const { sub } = claims
  const mark = absent.find((claim) => Object.hasOwn(claims, claim))
  return mark !== undefined || sub === client || sub === `${client}@clients`
    ? reject({ reason: "no_person", mark: mark ?? "sub" })
    : null
}

/** The claims that the issuer's entry requires in a person's access token, whichever client it was issued to. */
export function checkPerson(claims: Claims, client: string, { access_token }: Users): Rejected | null {
  return checkIsPerson(claims, client, access_token.absent) ?? checkExact(claims, access_token.require)
}
