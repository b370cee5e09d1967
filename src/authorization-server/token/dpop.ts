/** The key that a token request proves by DPoP, to which its token is then bound (RFC 9449, section 5). */
import { verifyProof } from "../../credentials/dpop.ts"
import type { RequestContext } from "../../request-context.ts"
import type { SingleUse } from "./replay-log.ts"
import { oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import type { Proof } from "../../core/task/proof-log.ts"

export function singleUseOfProof({ jkt, jti, freshUntil }: Proof): SingleUse {
  return { what: "proof", issuer: jkt, jti, until: freshUntil }
}

/** Null if the request proves no key. */
export async function provenKey(
  http: Request,
  { config, receivedAt }: RequestContext,
): Promise<Proof | OAuthFailure | null> {
  const proof = http.headers.get("dpop")
  if (proof === null) return null
  const expected = { method: "POST", uri: `${config.issuer}/oauth/token`, ath: null }
  const verified = await verifyProof(proof, expected, receivedAt)
  if (!("rejected" in verified)) return verified
  const { rejected: what, ...evidence } = verified
  return oauthError({ reason: "proof_rejected", what, ...evidence })
}
