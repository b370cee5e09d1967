/** What people are asked, and why they cannot answer it, in words. */
import { fromNow } from "../../web/text.tsx"
import { markInvisible } from "../../web/visible.ts"
import type { AskedCall, ListedCall } from "../../api/contract/approvals.ts"

/** The rule or the guardrail, in a word. */
export function whoAsks({ guardrail, rules, name }: Pick<ListedCall, "guardrail" | "rules" | "name">): string {
  const asks =
    guardrail === null ? `${rules.length === 1 ? "rule" : "rules"} ${rules.join(", ")}` : `guardrail ${guardrail}`
  return name === null ? `${asks}, of operators` : `${asks}, of ${name}`
}

export function yesText({ need, votes, most_uses, expires_at }: AskedCall, now: number): string {
  const lacking = need - votes.length - 1
  const many = most_uses === 1 ? "This very call passes once" : "This very call passes, as often as you say"
  const others = lacking > 0 ? `, once ${lacking} more ${lacking === 1 ? "person agrees" : "people agree"}` : ""
  return `${many}${others}, if the agent makes it before this is over, ${fromNow(expires_at, now)}. Everything else is looked at again.`
}

export function unanswerableText(
  why: NonNullable<AskedCall["unanswerable"]>,
  { name }: Pick<AskedCall, "name">,
): string {
  switch (why) {
    case "own":
      return "This is your own task: nobody approves of what is done in their own name."
    case "no operator":
      return "This is asked of operators: you may look at it, and the role approver, with a rule that permits it, answers it."
    case "stranger":
      return name === null
        ? "This is not asked of you."
        : `This is asked of others: those whom approvers.yaml lists as ${markInvisible(name)}.`
    case "answered":
      return "It is answered."
    case "voted":
      return "You have answered already. It waits for others."
    case "expired":
    case "unknown":
      return "It is over: the task has ended, or the time for an answer."
    case "frozen":
      return "Its task is frozen: once an operator lets it go on, this can be answered."
    case "too many uses":
      return "It cannot be answered."
    default:
      return why satisfies never
  }
}
