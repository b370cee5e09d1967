/**
 * The grant of a task that a person has consented to (OpenID CIBA 10, 11): the agent comes for the token it was
 * promised.
 */
import { sha256Hex } from "../hash.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION, type NoBundle, type Redeemed } from "../ledger/answers.ts"
import { isTaskId } from "../ledger/state.ts"
import { currentSwitches } from "../switches/lease.ts"
import { pulledKeys, stoppedBy } from "../switches/switch.ts"
import { issue, type Issued } from "./issue.ts"
import { onceOfProof, provenKey } from "./key-proof.ts"
import { checkOnce } from "./once.ts"
import type { GrantRequest } from "./opening.ts"
import { valueOf } from "./parameters.ts"
import { isRefused, refuse, type Refused } from "./refusal.ts"
import { signerOf } from "./signing-key.ts"

/** `auth_req_id`: the tree that waits, and a secret. */
const AUTH_REQ_ID = /^(tsk_[0-9A-Z]{26})\.([A-Za-z0-9_-]{43})$/

export async function redeemConsent(request: GrantRequest): Promise<Issued | Refused> {
  const { http, parameters, agent, since, bundle, around, decisionId } = request
  const named = valueOf(parameters, "auth_req_id")
  if (named === null) return refuse({ reason: "parameter_missing", parameter: "auth_req_id" })
  const [, root, secret] = AUTH_REQ_ID.exec(named) ?? []
  if (root === undefined || secret === undefined || !isTaskId(root)) return refuse({ reason: "consent_unknown" })
  const proof = await provenKey(http, around)
  if (proof && isRefused(proof)) return proof
  const switches = await currentSwitches(around)
  if (!switches) return refuse({ reason: "unavailable" })
  const itself = { agents: [agent], user: null, kid: null, tool: null, since }
  const stopped = stoppedBy(switches, itself)
  if (stopped) return refuse({ reason: "stopped", switch: stopped.id })
  const { env, config, receivedAt } = around
  // A consent is good for one token: it must not be used up where none can be signed.
  const signer = await signerOf(env, config.signingAlgorithm, pulledKeys(switches), receivedAt)
  if (!signer) return refuse({ reason: "unavailable" })
  const reused = await checkOnce([...request.once, ...(proof ? [onceOfProof(proof)] : [])], around)
  if (reused) return reused
  const redemption = { secretHash: sha256Hex(secret), agent, jkt: proof?.jkt ?? null, token: crypto.randomUUID() }
  const redeemed = await askLedger(env, root, async (ledger): Promise<Redeemed | Refused | NoBundle> =>
    ledger.redeem(LEDGER_VERSION, bundle.pointer, redemption, { decisionId, receivedAt }),
  )
  if (!redeemed || "bundle" in redeemed) return refuse({ reason: "unavailable" })
  if (isRefused(redeemed)) return redeemed
  const { opened, audience } = redeemed
  // Who the person is only the ledger knows; what they said is no younger than their session.
  const person = { agents: [agent], user: opened.user, kid: null, tool: null, since: opened.since }
  const stoppedToo = stoppedBy(switches, person)
  if (stoppedToo) return refuse({ reason: "stopped", switch: stoppedToo.id })
  return issue(opened, redemption, audience, signer, around)
}
