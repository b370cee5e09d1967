/**
 * Tokens of others at the token endpoint, each kind with its own rules, mutually exclusive (RFC 8725 3.11, 3.12): a
 * workload identity (SPIFFE JWT-SVID), a user's session (ID token or access token of a configured OIDC provider), an
 * operator's access token. None of them opens anything at a gateway.
 */
import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from "jose"
import { z } from "zod"
import type { Config } from "../config.ts"
import type { UserFacts } from "../ledger/state.ts"
import type { IssuerDefinition, OperatorDefinition, Role } from "../policy/bundle.ts"
import { peek } from "./compact.ts"
import { keySetOf } from "./key-set.ts"

/** Why a credential is not accepted; for the record, never for the wire. */
export interface Rejected {
  readonly rejected: string
  /** Its issuer's keys could not be had: nobody's fault but the issuer's, try again. */
  readonly unavailable?: boolean
}

const CLOCK_TOLERANCE_SECONDS = 30

/** `spiffe://trust-domain/path` (SPIFFE ID 2): lower-case trust domain, no empty or dot segment, no trailing slash. */
const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)+)$/

export function trustDomainOf(id: string): string | null {
  const [, domain, path] = SPIFFE_ID.exec(id) ?? []
  if (domain === undefined || path === undefined || id.length > 2048) return null
  return path.split("/").some((segment) => segment === "." || segment === "..") ? null : domain
}

/**
 * SPIFFE JWT-SVID (JWT-SVID 3): `typ` absent, `JWT` or `JOSE`; `sub` a SPIFFE ID of the trust domain; `aud` and `exp`
 * required, `aud` being us and nobody else, so that no other audience of it can come here with it.
 * @returns the SPIFFE ID
 */
export async function verifyWorkload(
  token: string,
  issuers: readonly IssuerDefinition[],
  config: Config,
  now: number,
): Promise<{ readonly agent: string } | Rejected> {
  const seen = peek(token)
  const domain = seen?.sub === undefined ? null : trustDomainOf(seen.sub)
  if (!seen || domain === null) return { rejected: "no SPIFFE ID" }
  if (seen.typ !== undefined && seen.typ !== "JWT" && seen.typ !== "JOSE") return { rejected: "token type" }
  const issuer = issuers.find((known) => known.trust_domain === domain)
  if (!issuer) return { rejected: "unknown trust domain" }
  const verified = await verifyBy(issuer, token, seen.kid, { requiredClaims: ["sub", "aud", "exp"] }, config, now)
  if ("rejected" in verified) return verified
  const { payload } = verified
  if (!isSoleAudience(payload.aud, config.issuer)) return { rejected: "audience" }
  return { agent: seen.sub ?? "" }
}

export interface Session {
  readonly user: UserFacts
  /** Milliseconds. */
  readonly expiresAt: number
}

export type SessionKind = "id_token" | "access_token"

/**
 * A user's session. An ID token (OIDC Core 3.1.3.7) must be for one of the configured clients, its `azp` or sole
 * audience; an access token (RFC 9068 4) must be `at+jwt`, for one of the configured audiences, given to such a client.
 */
export async function verifySession(
  token: string,
  kind: SessionKind,
  issuers: readonly IssuerDefinition[],
  config: Config,
  now: number,
): Promise<Session | Rejected> {
  const seen = peek(token)
  const issuer = issuers.find((known) => known.users && known.issuer !== undefined && known.issuer === seen?.iss)
  if (!seen || !issuer?.users || issuer.issuer === undefined) return { rejected: "unknown issuer" }
  const isAccessToken = isAccessTokenType(seen.typ)
  const isPlain = seen.typ === undefined || seen.typ.toUpperCase() === "JWT"
  // Logout tokens, security events and the like come from the same issuer, for the same client (RFC 8725 3.11).
  if (!(kind === "access_token" ? isAccessToken : isPlain)) return { rejected: "token type" }
  const options = { issuer: issuer.issuer, requiredClaims: ["sub", "aud", "exp", "iat"] }
  const verified = await verifyBy(issuer, token, seen.kid, options, config, now)
  if ("rejected" in verified) return verified
  const { payload } = verified
  const { audiences, clients, groups_claim } = issuer.users
  const meantForUs = isAccessToken
    ? isOneOf(payload.aud, audiences) && isClientOf(payload, clients)
    : isIdTokenFor(payload, clients)
  if (!meantForUs) return { rejected: "audience or client" }
  // A token that is itself delegated, or names who may act, must not pass for a plain session (RFC 8693 4.1, 4.4).
  if ("act" in payload || "may_act" in payload) return { rejected: "delegated token" }
  // Bound to a key that nobody proves here (RFC 9449 5).
  if ("cnf" in payload) return { rejected: "bound token" }
  if ("events" in payload) return { rejected: "security event" }
  if (Number(payload.iat) * 1000 > now + CLOCK_TOLERANCE_SECONDS * 1000) return { rejected: "issued in the future" }
  const claims = sessionClaims.safeParse({ ...payload, groups: payload[groups_claim] })
  if (!claims.success) return { rejected: "claims" }
  const { sub: subject, groups, acr, auth_time, exp } = claims.data
  const user = {
    issuer: issuer.issuer,
    subject,
    groups,
    ...(acr === undefined ? {} : { acr }),
    ...(auth_time === undefined ? {} : { auth_time }),
  }
  return { user, expiresAt: exp * 1000 }
}

const sessionClaims = z.object({
  // Printable and well-formed: it goes into headers, records and policy.
  sub: z.string().regex(/^[^\p{Cc}\p{Cs}]{1,255}$/u),
  groups: z.array(z.string().max(256)).max(256).default([]),
  acr: z.string().max(256).optional(),
  auth_time: z.number().optional(),
  exp: z.number(),
})

/** @returns the roles of the operator, at least one */
export async function verifyOperator(
  token: string,
  issuers: readonly IssuerDefinition[],
  operators: readonly OperatorDefinition[],
  config: Config,
  now: number,
): Promise<{ readonly operator: string; readonly roles: readonly Role[] } | Rejected> {
  const seen = peek(token)
  const issuer = issuers.find((known) => known.operators && known.issuer !== undefined && known.issuer === seen?.iss)
  if (!seen || issuer?.issuer === undefined || !issuer.operators) return { rejected: "unknown issuer" }
  // An ID token proves a login to its client, not a right to manage (RFC 9068 5).
  if (!isAccessTokenType(seen.typ)) return { rejected: "token type" }
  const options = { issuer: issuer.issuer, audience: config.issuer, requiredClaims: ["sub", "aud", "exp"] }
  const verified = await verifyBy(issuer, token, seen.kid, options, config, now)
  if ("rejected" in verified) return verified
  const { payload } = verified
  // The session token that a person's app hands to an agent is for our URL too: its client tells the two apart.
  if (!isClientOf(payload, issuer.operators.clients)) return { rejected: "client" }
  // Delegated, or bound to a key that nobody proves here: not a plain operator's token.
  if ("act" in payload || "may_act" in payload || "cnf" in payload) return { rejected: "delegated or bound token" }
  const known = operators.find((each) => each.issuer === issuer.id && each.subject === payload.sub)
  return known ? { operator: `${issuer.issuer}|${known.subject}`, roles: known.roles } : { rejected: "no operator" }
}

async function verifyBy(
  issuer: IssuerDefinition,
  token: string,
  kid: string | undefined,
  options: JWTVerifyOptions,
  config: Config,
  now: number,
): Promise<{ readonly payload: JWTPayload } | Rejected> {
  const keys = await keySetOf(issuer, kid, now, config.local)
  if (!keys) return { rejected: "no keys", unavailable: true }
  try {
    const { payload } = await jwtVerify(token, keys, {
      ...options,
      algorithms: [...issuer.algorithms],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(now),
    })
    return { payload }
  } catch (error) {
    if (error instanceof errors.JOSEError) return { rejected: error.code }
    throw error
  }
}

/** RFC 9068 2.1: `at+jwt`, with or without the media type's prefix. */
function isAccessTokenType(typ: string | undefined): boolean {
  return typ?.toLowerCase() === "at+jwt" || typ?.toLowerCase() === "application/at+jwt"
}

function isIdTokenFor(payload: JWTPayload, clients: readonly string[]): boolean {
  const { azp } = payload
  return azp === undefined
    ? clients.some((client) => isSoleAudience(payload.aud, client))
    : typeof azp === "string" && clients.includes(azp) && isOneOf(payload.aud, clients)
}

/** RFC 9068 2.2: one client, as a string. */
function isClientOf(payload: JWTPayload, clients: readonly string[]): boolean {
  const { client_id } = payload
  return typeof client_id === "string" && clients.includes(client_id)
}

function isSoleAudience(aud: unknown, expected: string): boolean {
  return Array.isArray(aud) ? aud.length === 1 && aud[0] === expected : aud === expected
}

function isOneOf(value: unknown, allowed: readonly string[]): boolean {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  return values.some((each) => typeof each === "string" && allowed.includes(each))
}
