/**
 * A person's own access token (RFC 9068), for our URL alone, issued to a client that is registered for managing: the
 * person acts themselves. The session token that an app passes to an agent is another client's.
 */
import * as z from "zod"
import type { IssuerDefinition } from "../core/policy/definition/issuers.ts"
import { readCompact } from "./jws/compact.ts"
import type { FetchContext } from "./key-sets/key-set.ts"
import { readPerson, type Person } from "./person.ts"
import {
  isRejected,
  ofCredential,
  reject,
  shownName,
  type Rejected,
} from "../core/denials/terms/credential-rejection.ts"
import { checkPerson } from "./session.ts"
import { checkPlain, isSoleAudience, MAX_LIFE_SECONDS, textsOf, verifySigned, type Claims } from "./jws/signature.ts"
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
  readonly claims: Claims
}

/** The person of the token, as a user for whom an agent could act. */
export function personIn({ issuer, claims }: PersonToken, { now }: Pick<FetchContext, "now">): Person | Rejected {
  // Without a mapping of its claims the token identifies no user.
  if (!issuer.users) return reject({ reason: "issuer_unknown", iss: issuer.issuer })
  // The claims that a session of theirs must have, this token must have as well.
  const odd = checkPerson(claims, String(claims["client_id"]), issuer.users)
  return odd ?? readPerson(claims, issuer.issuer, issuer.users.claims, now)
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
  const entry = issuers.find((each) => each.operators && each.issuer !== undefined && each.issuer === iss)
  if (entry?.issuer === undefined || !entry.operators) {
    return reject({ reason: "issuer_unknown", iss: typeof iss === "string" ? iss : null })
  }
  const mistyped = checkType(compact, "operator_token")
  if (mistyped) return mistyped
  // Whatever is allowed for sessions: a token that manages is powerful by itself.
  const maxLife = Math.min(entry.max_life ?? MAX_LIFE_SECONDS, MAX_LIFE_SECONDS)
  const options = { issuer: entry.issuer, requiredClaims: ["sub", "aud", "exp", "iat"], maxLife }
  const claims = await verifySigned(compact, entry, options, fetchContext)
  if (isRejected(claims)) return claims
  // If the token were also for another API, that API could use it here.
  if (!isSoleAudience(claims["aud"], audience))
    return reject({ reason: "audience_mismatch", got: textsOf(claims["aud"]) })
  const { client_id: client } = claims
  if (typeof client !== "string" || !entry.operators.clients.includes(client)) {
    return reject({ reason: "client_mismatch", got: shownName(client) })
  }
  const odd = checkPlain(claims, null)
  if (odd) return odd
  const read = namesAndTimes.safeParse(claims)
  if (!read.success) return reject({ reason: "claim_mismatch", claim: String(read.error.issues[0]?.path[0] ?? "") })
  const { sub: subject, iat, exp } = read.data
  const times = { expiresAt: exp * 1000, issuedAt: Math.min(iat * 1000, fetchContext.now) }
  return { issuer: { ...entry, issuer: entry.issuer }, subject, ...times, claims }
}

const namesAndTimes = z.object({ sub: z.string(), iat: z.number(), exp: z.number() })
