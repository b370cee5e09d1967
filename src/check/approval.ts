/** Whether people have approved of a call that guardrails leave to them; and the question where nobody has been asked. */
import type { Call } from "../call.ts"
import { approvalFor, askApproval, isUsable, type Approval } from "../approval/approval.ts"
import type { Denial } from "../decision.ts"
import { isUnread, readerOf, unreadable, type CallFacts } from "../guardrails/field.ts"
import { ruleOf } from "../guardrails/instrument.ts"
import type { Pointer } from "../policy/bundle.ts"
import type { Task, TreeState } from "../ledger/state.ts"

export type Approved =
  /** Of each that asks for one, used up by this call. */
  { readonly approvals: readonly Approval[] } | { readonly denial: Denial; readonly asks: Approval | null }

const callOf = readerOf("call")

/** @param asking what guardrails deny that leave it to a person */
export function checkApprovals(
  { approvals }: TreeState,
  bundle: Pointer,
  task: Task,
  asking: readonly Denial[],
  facts: CallFacts,
  call: Call,
  now: number,
): Approved {
  const used: Approval[] = []
  for (const denial of asking) {
    const rule = ruleOf(denial)
    // What nobody could see nobody can approve of.
    const text = facts.arguments.complete ? callOf(facts) : ({ field: "call", because: "unseen" } as const)
    if (isUnread(text)) return { denial: unreadable(rule, text), asks: null }
    const exactly = { task: task.id, tool: facts.tool.name, call: text, rule }
    const known = approvalFor(approvals, exactly, now)
    if (known && isUsable(known)) {
      used.push(known)
      continue
    }
    if (known && known.status !== "approved") return { denial: required(denial, known), asks: null }
    const asked = { decision: call.decisionId, bundle: bundle.seq, until: task.expiresAt }
    const asks = call.mode === "enforce" ? askApproval(approvals, exactly, asked, now) : null
    return { denial: asks ? required(denial, asks) : denial, asks }
  }
  return { approvals: used }
}

function required({ reason: because }: Denial, { id, rule, status, expiresAt }: Approval): Denial {
  const expires_at = Math.floor(expiresAt / 1000)
  return {
    reason: "approval_required",
    guardrail: rule,
    because,
    approval: id,
    status: status === "rejected" ? status : "pending",
    expires_at,
  }
}
