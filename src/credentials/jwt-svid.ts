/**
 * SPIFFE JWT-SVID: `typ` absent, `JWT` or `JOSE`; RSA or EC; `sub` a SPIFFE ID of the trust domain; `aud` and `exp`
 * required. `aud` is us alone, so that no other audience can use it here. Source: JWT-SVID, sections 2 and 3.
 */
import type { IssuerDefinition } from "../core/policy/definition/issuers.ts"
import { SVID_ALGORITHMS } from "../core/keys/algorithm.ts"
import type { Compact } from "./jws/compact.ts"
import type { FetchContext } from "./key-sets/key-set.ts"
import { isRejected, reject, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import { checkPlain, isSoleAudience, MAX_LIFE_SECONDS, textsOf, verifySigned } from "./jws/signature.ts"
import { trustDomainOf } from "./spiffe-id.ts"
import { checkType } from "./token-kinds.ts"

/**
 * @param audience our own URL
 * @returns the SPIFFE ID
 */
export async function verifySvid(
  compact: Compact,
  issuers: readonly IssuerDefinition[],
  audience: string,
  fetchContext: FetchContext,
): Promise<{ readonly agent: string } | Rejected> {
  const { sub, iss } = compact.claims
  const domain = typeof sub === "string" ? trustDomainOf(sub) : null
  const issuer = issuers.find(({ trust_domain }) => trust_domain !== undefined && trust_domain === domain)
  // An ID without a path belongs to the trust domain itself, not to a workload.
  if (typeof sub !== "string" || domain === null || !issuer || sub === `spiffe://${domain}`) {
    return reject({ reason: "trust_domain_unknown", sub: typeof sub === "string" ? sub : null })
  }
  const mistyped = checkType(compact, "jwt_svid")
  if (mistyped) return mistyped
  if (!SVID_ALGORITHMS.includes(compact.header.alg))
    return reject({ reason: "algorithm_refused", alg: compact.header.alg })
  // Most trust domains set no `iss`; if our configuration names one, the token must have it.
  if (issuer.issuer !== undefined && iss !== issuer.issuer) return reject({ reason: "claim_mismatch", claim: "iss" })
  const options = { requiredClaims: ["sub", "aud", "exp"], maxLife: issuer.max_life ?? MAX_LIFE_SECONDS }
  const claims = await verifySigned(compact, issuer, options, fetchContext)
  if (isRejected(claims)) return claims
  if (!isSoleAudience(claims["aud"], audience))
    return reject({ reason: "audience_mismatch", got: textsOf(claims["aud"]) })
  return checkPlain(claims, null) ?? { agent: sub }
}
