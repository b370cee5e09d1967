/**
 * An approval of which no receiver is notified, although receivers are of others: its approvers wait for a message that
 * never arrives.
 */
import type { Lint } from "./lint.ts"

export const untoldApproval: Lint = {
  name: "untold-approval",
  find: ({ policies: { approvers }, body: { receivers } }) => {
    const notified = receivers.flatMap((receiver) =>
      receiver.format !== "set" && receiver.events.includes("approval.asked") ? [receiver.approvals ?? null] : [],
    )
    // Either no approval is notified, or all are.
    if (notified.length === 0 || notified.includes(null)) return []
    const names = new Set(notified.flatMap((each) => each ?? []))
    return approvers.value.approvals.flatMap(({ name }, index) => {
      if (names.has(name)) return []
      const message = `no receiver is notified of the approval \`${name}\`, although one is of others`
      const fix = "Add it to `approvals` of a receiver in receivers.yaml."
      return [approvers.warning(["approvals", index, "name"], message, fix)]
    })
  },
}
