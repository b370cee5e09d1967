/** Which notices a receiver gets, and how much of them. Pure. */
import type { ReceiverDefinition } from "../policy/definition/receivers.ts"
import type { Notice, PendingApproval } from "./notice.ts"

/** The notice as this receiver gets it; null if it does not get the notice. */
export function noticeFor(receiver: ReceiverDefinition, notice: Notice): Notice | null {
  const { type, data } = notice
  if (!receiver.events.includes(type)) return null
  if (data.kind !== "call" && data.kind !== "task") return notice
  if (receiver.format === "set" || !isWanted(receiver.approvals, data)) return null
  return receiver.arguments || data.kind === "task" ? notice : { ...notice, data: { ...data, arguments: null } }
}

/** A restriction to named approvals leaves out what has no name: approvals of operators, and consents of users. */
function isWanted(names: readonly string[] | undefined, approval: PendingApproval): boolean {
  if (!names) return true
  return approval.kind === "call" && approval.name !== null && names.includes(approval.name)
}
