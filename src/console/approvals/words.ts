/** The terms of an approval, and why its reader cannot answer it, in words. */
import { momentText } from "../../web/text.tsx"
import { markInvisible } from "../../web/visible.ts"
import type { CallApprovalDetail, ListedCall } from "../../api/contract/approvals.ts"

/** The rule or the guardrail that requires the approval, and who may give it. */
export function requestedBy({ guardrail, rules, name }: Pick<ListedCall, "guardrail" | "rules" | "name">): string {
  const source =
    guardrail === null ? `${rules.length === 1 ? "Rule" : "Rules"}: ${rules.join(", ")}` : `Guardrail: ${guardrail}`
  return `${source}. Approvers: ${name ?? "operators"}`
}

/** What an approval by the reader allows. */
export function approveText({ need, votes, most_uses, expires_at }: CallApprovalDetail, now: number): string {
  const times = most_uses === 1 ? "once" : "as many times as you choose"
  const counts = need > 1 ? ` Counts as ${votes.length + 1} of ${need} approvals.` : ""
  return `Approves this exact call ${times}, until ${momentText(expires_at, now)}. All other checks still apply.${counts}`
}

export function rejectText({ expires_at }: CallApprovalDetail, now: number): string {
  return `Denies this call until ${momentText(expires_at, now)}. One rejection is enough.`
}

export function unanswerableText(
  why: NonNullable<CallApprovalDetail["unanswerable"]>,
  { name }: Pick<CallApprovalDetail, "name">,
): string {
  switch (why) {
    case "own":
      return "You cannot approve a call made on your behalf."
    case "no operator":
      return "Operators with the role approver answer this. Your roles, or the policies, do not permit you to."
    case "stranger":
      return name === null
        ? "You are not an approver of this call."
        : `You are not an approver of this call. Its approvers are listed in approvers.yaml as ${markInvisible(name)}.`
    case "answered":
      return "This approval has been answered."
    case "voted":
      return "You have answered. It waits for the other approvers."
    case "expired":
    case "unknown":
      return "This approval has expired: the task has ended, or the time to answer has passed."
    case "frozen":
      return "The task is quarantined. You can answer after an operator has released it."
    case "too many uses":
      return "This approval cannot be answered."
    default:
      return why satisfies never
  }
}
