/**
 * The grant of a task that a person has consented to elsewhere (OpenID CIBA, sections 10 and 11): the agent polls for
 * its token.
 */
import { sha256Hex } from "../../core/encoding/hash.ts"
import { LEDGER_VERSION } from "../../ledger/protocol.ts"
import type { SignedToken } from "../../signing/sign-delegation-token.ts"
import type { GrantRequest } from "./open-task.ts"
import { valueOf } from "./parameters.ts"
import { redeemAt } from "./redeem.ts"
import { oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { stampOf } from "./stamp.ts"
import { readRooted } from "./opaque-token.ts"

export async function redeemConsent(request: GrantRequest): Promise<SignedToken | OAuthFailure> {
  const { parameters, context } = request
  const named = valueOf(parameters, "auth_req_id")
  if (named === null) return oauthError({ reason: "parameter_missing", parameter: "auth_req_id" })
  const rooted = readRooted(context.env, named)
  if (!rooted) return oauthError({ reason: "consent_unknown" })
  const secretHash = sha256Hex(rooted.secret)
  const stamp = stampOf(request)
  return redeemAt(rooted.root, request, async (ledger, client, pointer) =>
    ledger.redeem(LEDGER_VERSION, pointer, rooted.root, { ...client, secretHash }, stamp),
  )
}
