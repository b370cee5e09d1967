/** An approval that nothing requires: no call ever waits for its approvers. */
import { parseRemedy } from "../../../src/core/policy/cedar/remedy.ts"
import type { Lint } from "./lint.ts"

export const unaskedApproval: Lint = {
  name: "unasked-approval",
  find: ({ policies: { approvers }, body: { rules, guardrails } }) => {
    const remedies = rules.map(({ remedy = "" }) => parseRemedy(remedy))
    const requested = new Set([
      ...remedies.flatMap((remedy) => (remedy?.kind === "approval" ? [remedy.name] : [])),
      ...guardrails.flatMap(({ approval }) => approval ?? []),
    ])
    return approvers.value.approvals.flatMap(({ name }, index) => {
      if (requested.has(name)) return []
      const message = `no rule and no guardrail requires the approval \`${name}\``
      const fix = `Write \`@remedy("approval:${name}")\`, or \`approval: ${name}\` in guardrails.yaml, or remove it.`
      return [approvers.warning(["approvals", index, "name"], message, fix)]
    })
  },
}
