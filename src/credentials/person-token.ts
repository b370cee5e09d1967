/**
 * A person's own token, issued to a client that is registered for managing: the person acts themselves. The session
 * token that an app passes to an agent is another client's. It is an access token for us (RFC 9068), or, if the entry
 * says that people are known by it, the ID token of a sign-in at our own pages: with it we are the client, and no app
 * and no agent ever gets it (OpenID Connect Core 1.0, section 2).
 */
import * as z from "zod"
import type { AccessTokenShape, IssuerDefinition } from "../core/policy/definition/issuers.ts"
import { readCompact } from "./jws/compact.ts"
import type { FetchContext } from "./key-sets/key-set.ts"
import { readPerson, type Person } from "./person.ts"
import { isRejected, ofCredential, reject, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import { checkAccessTokenType, checkIdToken, checkIsPerson, clientOf, shapesOf } from "./provider-token.ts"
import {
  checkAudience,
  checkExact,
  checkPlain,
  isSoleAudience,
  MAX_LIFE_SECONDS,
  verifySigned,
  type Claims,
} from "./jws/signature.ts"
import { checkType } from "./token-kinds.ts"

export interface PersonToken {
  /** The entry of issuers.yaml that matches its `iss`, with that `iss`. */
  readonly issuer: IssuerDefinition & { readonly issuer: string }
  /** `sub`, which every token has; the user for whom an agent would act may be in another claim. */
  readonly subject: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** Milliseconds since the epoch. */
  readonly issuedAt: number
  /** To which it was issued. */
  readonly client: string
  readonly claims: Claims
}

/** The person of the token, as a user for whom an agent could act. */
export function personIn(
  { issuer, client, claims }: PersonToken,
  { now }: Pick<FetchContext, "now">,
): Person | Rejected {
  // Without a mapping of its claims the token identifies no user.
  if (!issuer.users) return reject({ reason: "issuer_unknown", iss: issuer.issuer })
  // A machine may manage, if operators.yaml names it; it is never a user.
  const machine = checkIsPerson(claims, client, shapesOf(issuer).accessToken.absent)
  return machine ?? readPerson(claims, issuer.issuer, issuer.users.claims, now)
}

/**
 * The names by which they can be revoked: that of `sub`, and those of the claims by which agents act for people, which
 * may be others. A thief of their login has all of them.
 */
export function namesIn(
  { issuer, subject, claims }: PersonToken,
  { now }: Pick<FetchContext, "now">,
): readonly PersonName[] {
  const { issuer: iss, users, assertions } = issuer
  const mapped = [users, assertions].flatMap((each) => (each ? [readPerson(claims, iss, each.claims, now)] : []))
  return [{ issuer: iss, subject }, ...mapped.flatMap((each) => (isRejected(each) ? [] : [each.user]))]
}

export type PersonName = Pick<Person["user"], "issuer" | "subject">

/** @param audience our own URL */
export async function verifyPersonToken(
  token: string,
  issuers: readonly IssuerDefinition[],
  audience: string,
  fetchContext: FetchContext,
): Promise<PersonToken | Rejected> {
  return ofCredential(await verify(token, issuers, audience, fetchContext), token)
}

async function verify(
  token: string,
  issuers: readonly IssuerDefinition[],
  audience: string,
  fetchContext: FetchContext,
): Promise<PersonToken | Rejected> {
  const compact = readCompact(token)
  if (isRejected(compact)) return compact
  const { iss } = compact.claims
  const entry = issuers.find((each) => each.operators && each.issuer === iss)
  if (entry?.issuer === undefined || !entry.operators) {
    return reject({ reason: "issuer_unknown", iss: typeof iss === "string" ? iss : null })
  }
  const { accessToken, idToken } = shapesOf(entry)
  const idTokenClient = idTokenClientOf(compact.claims, entry)
  const mistyped = idTokenClient === null ? checkAccessTokenType(compact, accessToken) : checkType(compact, "id_token")
  if (mistyped) return mistyped
  // Whatever is allowed for sessions: a token that manages is powerful by itself.
  const maxLife = Math.min(entry.max_life ?? MAX_LIFE_SECONDS, MAX_LIFE_SECONDS)
  // A sign-in of ours requests a nonce, which no access token has, whatever its audience.
  const requiredClaims = ["sub", "aud", "exp", "iat", ...(idTokenClient === null ? [] : ["nonce"])]
  const claims = await verifySigned(compact, entry, { issuer: entry.issuer, requiredClaims, maxLife }, fetchContext)
  if (isRejected(claims)) return claims
  const issuedTo =
    idTokenClient === null
      ? checkAccessToken(claims, accessToken, entry.operators, audience)
      : checkIdToken(claims, idToken, [idTokenClient])
  if (isRejected(issuedTo)) return issuedTo
  const odd = checkPlain(claims, null)
  if (odd) return odd
  const read = namesAndTimes.safeParse(claims)
  if (!read.success) return reject({ reason: "claim_mismatch", claim: String(read.error.issues[0]?.path[0] ?? "") })
  const { sub: subject, iat, exp } = read.data
  const times = { expiresAt: exp * 1000, issuedAt: Math.min(iat * 1000, fetchContext.now) }
  return { issuer: { ...entry, issuer: entry.issuer }, subject, ...times, ...issuedTo, claims }
}

/** Our own client, if this is to be the ID token of a sign-in. An audience is never a client (`narrowgate check`). */
function idTokenClientOf({ aud }: Claims, { sign_in: signIn }: IssuerDefinition): string | null {
  return signIn?.token === "id_token" && isSoleAudience(aud, signIn.client) ? signIn.client : null
}

/** For us, and issued to a client that manages. */
function checkAccessToken(
  claims: Claims,
  shape: AccessTokenShape,
  { clients, audiences, other_audiences: others }: NonNullable<IssuerDefinition["operators"]>,
  us: string,
): { readonly client: string } | Rejected {
  return (
    checkAudience(claims, audiences ?? [us], others) ??
    checkExact(claims, shape.require) ??
    clientOf(claims, shape, clients)
  )
}

const namesAndTimes = z.object({ sub: z.string(), iat: z.number(), exp: z.number() })
