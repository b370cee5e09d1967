/** Whether what the call presents is valid now: its task, its token, its proof; or whether it was already decided. */
import type { Call } from "./call.ts"
import type { Denial } from "../denials/denial.ts"
import type { Proof } from "../task/proof-log.ts"
import { isBelow, whyEnded, type RememberedAdmission, type TreeState } from "../task/state.ts"
import type { IssuedToken, Task } from "../task/task.ts"
import { historyKeyOf, type HistoryKey } from "../guardrails/history-key.ts"

/**
 * Requires that the task and each of its ancestors is active and unexpired; an ended task stays ended.
 * @param retried an earlier admission of the same call. If that admission ended a task by finishing its plan, this end
 *   does not count, as the gateway sends the call again only because its own attempt was interrupted. Expiry still
 *   counts.
 */
export function checkTaskAlive(
  state: TreeState,
  ancestry: readonly Task[],
  now: number,
  retried: RememberedAdmission | null = null,
): Denial | null {
  for (const task of ancestry) {
    const why = whyEnded(isFinishedBy(retried, task) ? { ...task, status: "active" } : task, now)
    if (why !== null) return { reason: "task_ended", task: task.id, state: why }
  }
  // An ancestry that does not reach the root does not belong to this tree.
  return ancestry.at(-1)?.id === state.root ? null : { reason: "task_unknown" }
}

function isFinishedBy(retried: RememberedAdmission | null, { id, endedBy }: Task): boolean {
  const finished = retried?.finished ?? null
  return finished !== null && endedBy === "plan" && (id === finished || isBelow(id, finished))
}

/** The ledger accepts only tokens that it issued for this task, and a bound token only with a proof by its key. */
export function checkToken(state: TreeState, call: Pick<Call, "task" | "token" | "proof">, now: number): Denial | null {
  const token = state.tokens.get(call.token)
  if (!token || token.task !== call.task) return { reason: "token_unissued" }
  if (now >= token.expiresAt) return { reason: "token_expired", expired_at: Math.floor(token.expiresAt / 1000) }
  if (token.jkt !== null && call.proof === null) return { reason: "binding_required" }
  if (token.jkt !== (call.proof?.jkt ?? null)) return { reason: "proof_rejected", what: "another key" }
  return null
}

/**
 * A proof is accepted once (RFC 9449, section 11.1).
 * @param token `jti` of the token that it is for
 */
export function checkProof(state: TreeState, token: string, proof: Proof, now: number): Denial | null {
  const issued = state.tokens.get(token)
  const proofs = state.ledger.proofs.of(agentOf(state, issued))
  const verdict = proofs.check(proof, now, issued?.issuedAt)
  switch (verdict) {
    case "fresh":
      return null
    case "stale":
      return { reason: "proof_rejected", what: "iat" }
    case "seen":
      return { reason: "proof_replayed" }
    case "nonce_required":
      return { reason: "nonce_required", nonce: proofs.nonce }
    default:
      return verdict satisfies never
  }
}

/** Uses up a proof that was found fresh. @param newNonce as of `Proofs.admit` */
export function admitProof(state: TreeState, token: string, proof: Proof, now: number, newNonce: () => string): void {
  state.ledger.proofs.admit(agentOf(state, state.tokens.get(token)), proof, now, newNonce)
}

function agentOf({ tasks }: TreeState, token: IssuedToken | undefined): HistoryKey {
  return (token && tasks.get(token.task)?.historyKey) ?? historyKeyOf("")
}

export function retryKey(gateway: string, requestId: string): string {
  return `${gateway}|${requestId}`
}

export function retryOf(state: TreeState, call: Call, now: number): RememberedAdmission | null {
  if (!call.retry) return null
  const admitted = state.retries.get(retryKey(call.gateway, call.retry.requestId))
  return admitted && admitted.call === call.retry.call && now < admitted.until ? admitted : null
}
