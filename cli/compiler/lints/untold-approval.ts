/** An approval of which no receiver is told, while receivers are of others: its people wait for a word that never comes. */
import type { Lint } from "./lint.ts"

export const untoldApproval: Lint = {
  name: "untold-approval",
  find: ({ policies: { approvers }, body: { receivers } }) => {
    const heard = receivers.flatMap((receiver) =>
      receiver.format !== "set" && receiver.events.includes("approval.asked") ? [receiver.approvals ?? null] : [],
    )
    // Nobody is told of any, or somebody of all.
    if (heard.length === 0 || heard.includes(null)) return []
    const names = new Set(heard.flatMap((each) => each ?? []))
    return approvers.value.approvals.flatMap(({ name }, index) => {
      if (names.has(name)) return []
      const message = `no receiver is told when the approval \`${name}\` is asked for, though one is of others`
      const fix = "Add it to `approvals` of a receiver in receivers.yaml."
      return [approvers.warning(["approvals", index, "name"], message, fix)]
    })
  },
}
