/**
 * An agent's own assertion (RFC 7523, section 3, `private_key_jwt`): issued by the agent about itself, signed by a key
 * registered for it, for us alone, short-lived, used once. Its sole audience is our issuer's URL, so that another
 * server for which it was made cannot use it here (draft-ietf-oauth-rfc7523bis): a hostile server can name our token
 * endpoint as its own, and would get assertions for it from an agent that talks to both. An agent that talks to us alone
 * may be registered with the token endpoint as audience, which many libraries send (RFC 7523, section 3, item 3).
 */
import type { AgentDefinition } from "../core/policy/definition/agents.ts"
import type { Compact } from "./jws/compact.ts"
import type { FetchContext } from "./key-sets/key-set.ts"
import { isRejected, reject, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import { checkPlain, CLOCK_TOLERANCE_SECONDS, isSoleAudience, textsOf, verifySigned } from "./jws/signature.ts"
import { checkType } from "./token-kinds.ts"

/** Long enough for any clock, short enough that its `jti` is soon forgotten. */
export const MAX_LIFE_SECONDS = 3_600
/** Its path, after our issuer's URL. */
export const TOKEN_ENDPOINT = "/oauth/token"

/** @param audience our issuer's URL */
export async function verifyClientAssertion(
  compact: Compact,
  agent: AgentDefinition,
  audience: string,
  fetchContext: FetchContext,
): Promise<{ readonly agent: string; readonly jti: string; readonly expiresAt: number } | Rejected> {
  const mistyped = checkType(compact, "client_assertion")
  if (mistyped) return mistyped
  const options = { issuer: agent.id, requiredClaims: ["iss", "sub", "aud", "exp", "jti"], maxLife: MAX_LIFE_SECONDS }
  let rejected: Rejected = reject({ reason: "issuer_unknown", iss: agent.id })
  for (const identity of agent.identities ?? []) {
    if (identity.kind !== "private_key_jwt") continue
    const owner = { id: agent.id, keys: identity.keys, algorithms: identity.algorithms }
    const claims = await verifySigned(compact, owner, options, fetchContext)
    if (isRejected(claims)) {
      rejected = claims
      continue
    }
    const { aud, sub, exp, jti } = claims
    if (sub !== agent.id) return reject({ reason: "claim_mismatch", claim: "sub" })
    if (!isFor(aud, audience, identity)) return reject({ reason: "audience_mismatch", got: textsOf(aud) })
    if (typeof jti !== "string" || jti === "" || jti.length > 256)
      return reject({ reason: "claim_mismatch", claim: "jti" })
    return (
      checkPlain(claims, null) ?? { agent: agent.id, jti, expiresAt: (Number(exp) + CLOCK_TOLERANCE_SECONDS) * 1000 }
    )
  }
  return rejected
}

/** @param issuer our issuer's URL */
function isFor(aud: unknown, issuer: string, { audience }: { readonly audience?: string }): boolean {
  if (isSoleAudience(aud, issuer)) return true
  if (audience !== "token_endpoint") return false
  const ours = new Set([issuer, `${issuer}/`, issuer + TOKEN_ENDPOINT])
  const got = textsOf(aud)
  return got.length === (Array.isArray(aud) ? aud.length : 1) && got.length > 0 && got.every((each) => ours.has(each))
}
