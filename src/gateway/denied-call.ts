/**
 * Requests to the ledger about a call that is denied at the edge: to learn whose token it is, to mark its proof as used,
 * and to record the call.
 */
import { UNSEEN_ARGUMENTS } from "../core/catalog/arguments.ts"
import type { Located } from "../core/catalog/locate.ts"
import { possibleTools } from "../core/catalog/possible-tools.ts"
import type { Denial, Denied } from "../core/denials/denial.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { LedgerCall } from "../core/record/visible-call.ts"
import { reportedRisksOf } from "../core/signals/leased-risks.ts"
import { userOf } from "../credentials/delegation-token.ts"
import type { VerifiedCredential } from "../credentials/verify.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION, type TokenOwner, type ShadowOnly } from "../ledger/protocol.ts"
import type { RequestContext } from "../request-context.ts"
import type { Lease } from "../revocation/lease.ts"
import { retryOf } from "./ledger-request.ts"
import type { PresentedCall } from "./presented.ts"

/**
 * Reports the denial to the ledger, if a guardrail counts denials, or if the gateway observes and so allows the call.
 * Returns null if no report is needed.
 * @param isSure false if a switch stops the token, or may do so: then it is not certain whose call it is, and it must
 *   not become part of another agent's history
 */
export function reportDenial(
  id: string,
  call: PresentedCall,
  { token, proof }: VerifiedCredential,
  located: Located | null,
  denial: Denial,
  isSure: boolean,
  { catalog, guardrails, pointer }: Bundle,
  leased: Lease | null,
  { env }: RequestContext,
): Promise<TokenOwner | Denied | null> | null {
  const { gateway, client } = call
  const isObserved = gateway.mode === "observe"
  if (isObserved ? !isSure : guardrails.denialObservers.length === 0) return null
  const tools = located ? [located.tool.name] : isObserved ? possibleTools(catalog, call, denial) : []
  if (isObserved && tools.length === 0) return null
  const { task, jti } = token.claims
  const deniedCall = {
    decisionId: id,
    mode: gateway.mode,
    task,
    token: jti,
    proof,
    tools,
    arguments: located ? located.arguments : UNSEEN_ARGUMENTS,
    gateway: gateway.id,
    environment: gateway.environment,
    client,
    retry: retryOf(call),
    risks: reportedRisksOf(leased && leased.risks, token.agents, userOf(token.claims)),
  }
  return askLedger(env, task, async (ledger) => ledger.refused(LEDGER_VERSION, pointer, deniedCall, denial))
}

/** Marks the proof as used. Returns null if the ledger is unavailable. */
export async function markProofUsed(
  { token, proof }: VerifiedCredential,
  { env }: RequestContext,
): Promise<TokenOwner | Denied | null> {
  const { task, jti } = token.claims
  return askLedger(env, task, async (ledger) => ledger.spend({ task, token: jti, proof }))
}

/**
 * The call is denied already: the ledger says only what the candidate would have decided, and whether the token is
 * live.
 */
export async function shadowOfDenied(
  ask: LedgerCall,
  denial: Denial,
  { env }: RequestContext,
): Promise<ShadowOnly | null> {
  const reply = await askLedger(env, ask.task, async (ledger): Promise<string> =>
    ledger.shadowDenied(LEDGER_VERSION, ask, denial),
  )
  return reply === null ? null : JSON.parse(reply)
}
