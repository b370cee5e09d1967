/**
 * ID-JAG (draft-ietf-oauth-identity-assertion-authz-grant, a profile of RFC 7523): a provider says to us, and to nobody
 * else, that this very agent may work for this person. It has a type of its own, which nothing else is taken for: an
 * RFC 7523 assertion without one could be any token of the provider that happens to be for us (RFC 8725 3.11).
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

/** Made for one redemption, which comes at once; its `jti` is remembered for as long. */
const MAX_LIFE_SECONDS = 3_600

type Assertions = NonNullable<IssuerDefinition["assertions"]>

export interface Asserted {
  /** `expiresAt` is when their session is taken to end. */
  readonly person: Person
  readonly jti: string
  /** Milliseconds; from then on it is refused as expired. */
  readonly redeemableUntil: number
  /** What may be asked for at most; null: it does not say. */
  readonly scope: string | null
  readonly authorizationDetails: unknown
}

/** Who brings it, for what, and to whom. */
export interface Bringing {
  readonly agent: string
  /** Thumbprint of the key that the agent has proven; null: none. */
  readonly jkt: string | null
  /** Of the delegation token that is asked for. */
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
  bringing: Bringing,
  fetchContext: FetchContext,
): Promise<Asserted | Rejected> {
  return ofCredential(await verify(compact, issuer, bringing, fetchContext), compact.token)
}

async function verify(
  compact: Compact,
  issuer: IssuerDefinition & { readonly assertions: Assertions },
  { agent, jkt, audience, us }: Bringing,
  fetchContext: FetchContext,
): Promise<Asserted | Rejected> {
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
  // What one agent got for itself must be of no use to another (draft, 4.4.1).
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
  // An app's own token has no person in it.
  if (person.user.subject === client || person.user.subject === agent)
    return reject({ reason: "no_person", mark: "sub" })
  const redeemableUntil = (exp + CLOCK_TOLERANCE_SECONDS) * 1000
  return { person, jti, redeemableUntil, scope, authorizationDetails: claims["authorization_details"] }
}

/** With tenants a subject is one only within its own: which we mean has to be said. We have none ourselves. */
function checkTenants(claims: Claims, required: Readonly<Record<string, unknown>>): Rejected | null {
  const unsaid = ["tenant", "aud_tenant"].find((claim) => claim in claims && !Object.hasOwn(required, claim))
  return unsaid === undefined ? null : reject({ reason: "claim_mismatch", claim: unsaid })
}

/**
 * `act` may say once more who acts, which is this agent; those who acted before it are nobody that a task of ours has
 * above it.
 */
function checkActor({ act, cnf: _bound, ...claims }: Claims, names: readonly string[]): Rejected | null {
  const isNamed = isObject(act) && typeof act["sub"] === "string" && names.includes(act["sub"]) && !("act" in act)
  if (act !== undefined && !isNamed) return reject({ reason: "delegated" })
  const [agent = ""] = names
  return checkPlain(claims, agent)
}

/** Bound to a key, it is for whoever has that key alone (RFC 7800 3.1). */
function checkBinding({ cnf }: Claims, jkt: string | null): Rejected | null {
  if (cnf === undefined) return null
  return isObject(cnf) && Object.keys(cnf).length === 1 && jkt !== null && cnf["jkt"] === jkt
    ? null
    : reject({ reason: "bound" })
}

/** RFC 8707: made for these, and so for no other. */
function checkResource({ resource }: Claims, audience: string): Rejected | null {
  return resource === undefined || textsOf(resource).some((each) => isSameResource(each, audience))
    ? null
    : reject({ reason: "claim_mismatch", claim: "resource" })
}
