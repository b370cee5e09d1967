/**
 * The grant of a task that a person has consented to elsewhere (OpenID CIBA 10, 11): the agent comes for the token it was
 * promised.
 */
import { sha256Hex } from "../../core/encoding/hash.ts"
import { LEDGER_VERSION } from "../../ledger/protocol.ts"
import type { Issued } from "../../signing/sign-delegation-token.ts"
import type { GrantRequest } from "./open-task.ts"
import { valueOf } from "./parameters.ts"
import { redeemAt } from "./redeem.ts"
import { refuse, type Refused } from "../../core/denials/oauth-error.ts"
import { readRooted } from "./opaque-token.ts"

export async function redeemConsent(request: GrantRequest): Promise<Issued | Refused> {
  const { parameters, bundle, decisionId, around } = request
  const named = valueOf(parameters, "auth_req_id")
  if (named === null) return refuse({ reason: "parameter_missing", parameter: "auth_req_id" })
  const asked = readRooted(named)
  if (!asked) return refuse({ reason: "consent_unknown" })
  const secretHash = sha256Hex(asked.secret)
  const asking = { decisionId, receivedAt: around.receivedAt }
  return redeemAt(asked.root, request, async (ledger, comer) =>
    ledger.redeem(LEDGER_VERSION, bundle.pointer, { ...comer, secretHash }, asking),
  )
}
