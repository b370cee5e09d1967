/**
 * The proof of a denied call is used up too (RFC 9449, section 11.1), so that nobody who saw the call can repeat it. So
 * is that of a quarantined task's token: an operator may release the task while the proof is still fresh.
 */
import { admitProof, checkProof, checkTaskAlive, checkToken } from "../core/decision/check-credential.ts"
import type { TokenUse } from "../core/decision/call.ts"
import { deny, type Denied } from "../core/denials/denial.ts"
import { userId } from "../core/policy/principals.ts"
import { ancestryOf } from "../core/task/state.ts"
import type { TokenOwner } from "./protocol.ts"
import { newNonce } from "./new-proofs.ts"
import type { Trees } from "./trees.ts"

/** @returns whose call it is; or why its token, or its proof, is not taken */
export function spend(trees: Trees, use: TokenUse): TokenOwner | Denied {
  const state = trees.of(use.task)
  if (!state) return deny({ reason: "task_unknown" })
  const now = trees.now(state)
  const ancestry = ancestryOf(state, use.task)
  const { proof } = use
  const unproven = checkToken(state, use, now) ?? (proof && checkProof(state, use.token, proof, now))
  if (proof && !unproven) admitProof(state, use.token, proof, now, newNonce)
  const unusable = checkTaskAlive(state, ancestry, now) ?? unproven
  if (unusable) return deny(unusable)
  const { agent, purpose } = ancestry[0] ?? { agent: null, purpose: null }
  return { agent, purpose, user: state.user && userId(state.user) }
}
