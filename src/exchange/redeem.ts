/**
 * Grants of a task that is in its ledger already: key → switches → signer → single use → one step of the ledger → token.
 * What tells them apart is what is shown to the ledger.
 */
import { askLedger } from "../ledger/ask.ts"
import type { NoBundle, Redeemed } from "../ledger/answers.ts"
import type { Ledger } from "../ledger/ledger.ts"
import { currentSwitches } from "../switches/lease.ts"
import { pulledKeys, stoppedBy } from "../switches/switch.ts"
import { issue, type Issued } from "./issue.ts"
import { onceOfProof, provenKey } from "./key-proof.ts"
import { checkOnce } from "./once.ts"
import type { GrantRequest } from "./opening.ts"
import { isRefused, refuse, type Refused } from "./refusal.ts"
import { signerOf } from "./signing-key.ts"

/** Who comes for a token, with the key that is proven and the `jti` that the token is to have. */
export interface Comer {
  readonly agent: string
  readonly jkt: string | null
  readonly token: string
}

type Step = (ledger: DurableObjectStub<Ledger>, comer: Comer) => Promise<Redeemed | Refused | NoBundle>

export async function redeemAt(root: string, request: GrantRequest, step: Step): Promise<Issued | Refused> {
  const { http, agent, since, around } = request
  const proof = await provenKey(http, around)
  if (proof && isRefused(proof)) return proof
  const switches = await currentSwitches(around)
  if (!switches) return refuse({ reason: "unavailable" })
  const stopped = stoppedBy(switches, { agents: [agent], user: null, kid: null, tool: null, since })
  if (stopped) return refuse({ reason: "stopped", switch: stopped.id })
  const { env, config, receivedAt } = around
  // What a person has said is good for one token: it must not be used up where none can be signed.
  const signer = await signerOf(env, config.signingAlgorithm, pulledKeys(switches), receivedAt)
  if (!signer) return refuse({ reason: "unavailable" })
  const reused = await checkOnce([...request.once, ...(proof ? [onceOfProof(proof)] : [])], around)
  if (reused) return reused
  const comer = { agent, jkt: proof?.jkt ?? null, token: crypto.randomUUID() }
  const redeemed = await askLedger(env, root, async (ledger) => step(ledger, comer))
  if (!redeemed || "bundle" in redeemed) return refuse({ reason: "unavailable" })
  if (isRefused(redeemed)) return redeemed
  const { opened, audience } = redeemed
  // Who the person is only the ledger knows; what they said is no younger than their session.
  const person = { agents: [agent], user: opened.user, kid: null, tool: null, since: opened.since }
  const stoppedToo = stoppedBy(switches, person)
  if (stoppedToo) return refuse({ reason: "stopped", switch: stoppedToo.id })
  return issue(opened, comer, audience, signer, around)
}
