/**
 * ID-JAG (draft-ietf-oauth-identity-assertion-authz-grant, a profile of RFC 7523): a provider asserts to us alone that
 * this very agent may work for this person. It has a type of its own. An RFC 7523 assertion without one could be any
 * token of the provider that happens to be for us (RFC 8725, section 3.11).
 */
import * as z from "zod"
import { isObject } from "../core/encoding/json.ts"
import type { IssuerDefinition } from "../core/policy/definition/issuers.ts"
import type { Compact } from "./jws/compact.ts"
import type { FetchContext } from "./key-sets/key-set.ts"
import { readPerson, type Person } from "./person.ts"
import {
  isRejected,
  ofCredential,
  reject,
  shownName,
  type Rejected,
} from "../core/denials/terms/credential-rejection.ts"
import { isSameResource } from "../core/encoding/url.ts"
import {
  checkExact,
  checkPlain,
  CLOCK_TOLERANCE_SECONDS,
  isSoleAudience,
  textsOf,
  verifySigned,
  type Claims,
} from "./jws/signature.ts"
import { checkType } from "./token-kinds.ts"

/** It is made for one immediate redemption; its `jti` is remembered for as long as it lives. */
const MAX_LIFE_SECONDS = 3_600

type Assertions = NonNullable<IssuerDefinition["assertions"]>

export interface IdentityAssertion {
  /** `expiresAt` is when their session is assumed to end. */
  readonly person: Person
  readonly jti: string
  /** Milliseconds since the epoch; from then on it is rejected as expired. */
  readonly redeemableUntil: number
  /** The most that may be requested. Null if it does not say. */
  readonly scope: string | null
  readonly authorizationDetails: unknown
}

/** The agent that presents it, the requested audience, and its recipient. */
export interface AssertionUse {
  readonly agent: string
  /** Thumbprint of the key that the agent has proven. Null if it has proven none. */
  readonly jkt: string | null
  /** Of the requested delegation token. */
  readonly audience: string
  /** Our own URL. */
  readonly us: string
}

const own = z.object({
  jti: z.string().min(1).max(256),
  client_id: z.string(),
  scope: z.string().max(8_192).nullable().default(null),
})

export async function verifyIdJag(
  compact: Compact,
  issuer: IssuerDefinition & { readonly assertions: Assertions },
  bringing: AssertionUse,
  fetchContext: FetchContext,
): Promise<IdentityAssertion | Rejected> {
  return ofCredential(await verify(compact, issuer, bringing, fetchContext), compact.token)
}

async function verify(
  compact: Compact,
  issuer: IssuerDefinition & { readonly assertions: Assertions },
  { agent, jkt, audience, us }: AssertionUse,
  fetchContext: FetchContext,
): Promise<IdentityAssertion | Rejected> {
  const mistyped = checkType(compact, "id_jag")
  if (mistyped) return mistyped
  const required = ["iss", "sub", "aud", "client_id", "jti", "exp", "iat"]
  const checks = { issuer: issuer.issuer ?? "", requiredClaims: required, maxLife: MAX_LIFE_SECONDS }
  const claims = await verifySigned(compact, issuer, checks, fetchContext)
  if (isRejected(claims)) return claims
  if (!isSoleAudience(claims["aud"], us)) return reject({ reason: "audience_mismatch", got: textsOf(claims["aud"]) })
  const read = own.safeParse(claims)
  if (!read.success) return reject({ reason: "claim_mismatch", claim: String(read.error.issues[0]?.path[0] ?? "") })
  const { jti, client_id: client, scope } = read.data
  const { clients, require, claims: paths, life } = issuer.assertions
  // An assertion that one agent obtained must be useless to another (draft, section 4.4.1).
  if ((Object.hasOwn(clients, client) ? clients[client] : client) !== agent)
    return reject({ reason: "client_mismatch", got: shownName(client) })
  const odd =
    checkExact(claims, require) ??
    checkTenants(claims, require) ??
    checkActor(claims, [agent, client]) ??
    checkBinding(claims, jkt) ??
    checkResource(claims, audience)
  if (odd) return odd
  const [exp, iat] = [Number(claims["exp"]), Number(claims["iat"])]
  const person = readPerson({ ...claims, exp: iat + life }, issuer.issuer ?? "", paths, fetchContext.now)
  if (isRejected(person)) return person
  // An app's own token identifies no person.
  if (person.user.subject === client || person.user.subject === agent)
    return reject({ reason: "no_person", mark: "sub" })
  const redeemableUntil = (exp + CLOCK_TOLERANCE_SECONDS) * 1000
  return { person, jti, redeemableUntil, scope, authorizationDetails: claims["authorization_details"] }
}

/**
 * With tenants, a subject is unique only within its tenant, so the issuer's entry has to name the tenant. We have none
 * ourselves.
 */
function checkTenants(claims: Claims, required: Readonly<Record<string, unknown>>): Rejected | null {
  const unlisted = ["tenant", "aud_tenant"].find((claim) => claim in claims && !Object.hasOwn(required, claim))
  return unlisted === undefined ? null : reject({ reason: "claim_mismatch", claim: unlisted })
}

/** `act` may repeat the actor, which is this agent. Earlier actors would be no ancestors in our task tree. */
function checkActor({ act, cnf: _bound, ...claims }: Claims, names: readonly string[]): Rejected | null {
  const isNamed = isObject(act) && typeof act["sub"] === "string" && names.includes(act["sub"]) && !("act" in act)
  if (act !== undefined && !isNamed) return reject({ reason: "delegated" })
  const [agent = ""] = names
  return checkPlain(claims, agent)
}

/** If it is bound to a key, only the holder of that key may use it (RFC 7800, section 3.1). */
function checkBinding({ cnf }: Claims, jkt: string | null): Rejected | null {
  if (cnf === undefined) return null
  return isObject(cnf) && Object.keys(cnf).length === 1 && jkt !== null && cnf["jkt"] === jkt
    ? null
    : reject({ reason: "bound" })
}

/** RFC 8707: if it names resources, it is for no others. */
function checkResource({ resource }: Claims, audience: string): Rejected | null {
  return resource === undefined || textsOf(resource).some((each) => isSameResource(each, audience))
    ? null
    : reject({ reason: "claim_mismatch", claim: "resource" })
}
