/** Whether a token that is presented to this ledger covers a task. */
import { admitProof, checkProof } from "../core/decision/check-credential.ts"
import type { Holder } from "../core/decision/call.ts"
import { deny, type Denied } from "../core/denials/denial.ts"
import { isBelow, type TreeState } from "../core/task/state.ts"
import { newNonce } from "./new-proofs.ts"

/** `stranger`: it does not: neither of its own task, nor of one below it. This uses its proof. */
export function checkHolder(
  state: TreeState,
  { token: jti, proof }: Holder,
  task: string,
  now: number,
): Denied | "stranger" | null {
  const token = state.tokens.get(jti)
  const reaches = token && (token.task === task || isBelow(task, token.task))
  if (!reaches || token.jkt !== (proof?.jkt ?? null) || now >= token.expiresAt) return "stranger"
  const refused = proof && checkProof(state, jti, proof, now)
  if (refused) return deny(refused)
  if (proof) admitProof(state, jti, proof, now, newNonce)
  return null
}
