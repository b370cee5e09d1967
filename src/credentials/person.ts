/** What a provider's token says about a person, in whichever claims that provider puts it. */
import * as z from "zod"
import type { ClaimPath, PersonClaims } from "../core/policy/definition/claims.ts"
import { reject, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import type { UserFacts } from "../core/policy/principals.ts"
import { CLOCK_TOLERANCE_SECONDS, type Claims } from "./jws/signature.ts"

export interface Person {
  readonly user: UserFacts
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** Milliseconds since the epoch. */
  readonly issuedAt: number
  /** `jti`. Null if it has none. */
  readonly jti: string | null
}

const MAX_GROUPS = 256
const facts = z.object({
  // Printable and well-formed, because it goes into headers, records and policy.
  sub: z.string().regex(/^[^\p{Cc}\p{Cs}]{1,255}$/u),
  groups: z
    .union([z.string().max(256), z.array(z.string().max(256)).max(MAX_GROUPS)])
    .transform((groups) => (typeof groups === "string" ? [groups] : groups))
    .default([]),
  // Some providers number their levels.
  acr: z
    .union([z.string().max(256), z.int()])
    .transform(String)
    .optional(),
  auth_time: z.number().nonnegative().optional(),
  iat: z.number(),
  exp: z.number(),
  jti: z.string().max(256).optional(),
})

/**
 * @param issuer its `iss`, verified
 * @param now milliseconds
 */
export function readPerson(claims: Claims, issuer: string, paths: PersonClaims, now: number): Person | Rejected {
  const { subject: subjectPath, groups: path, acr: acrPath, auth_time: timePath } = paths
  const mapped = { groups: claimAt(claims, path), acr: claimAt(claims, acrPath), auth_time: claimAt(claims, timePath) }
  const read = facts.safeParse({ ...claims, ...mapped, sub: claimAt(claims, subjectPath) })
  if (!read.success)
    return reject({ reason: "claim_mismatch", claim: read.error.issues[0]?.path.map(String).join(".") ?? "" })
  const { sub: subject, groups, acr, auth_time, iat, exp, jti = null } = read.data
  if (auth_time !== undefined && auth_time > now / 1000 + CLOCK_TOLERANCE_SECONDS) {
    return reject({ reason: "not_yet_valid", from: auth_time })
  }
  const user = {
    issuer,
    subject,
    groups,
    until: exp * 1000,
    ...(acr === undefined ? {} : { acr }),
    ...(auth_time === undefined ? {} : { auth_time }),
  }
  return { user, expiresAt: exp * 1000, issuedAt: Math.min(iat * 1000, now), jti }
}

export function claimAt(claims: Claims, path: ClaimPath): unknown {
  let value: unknown = claims
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined
    value = Object.getOwnPropertyDescriptor(value, name)?.value
  }
  return value
}
