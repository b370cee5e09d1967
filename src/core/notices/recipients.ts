/** Which notices a receiver gets, and what of them. Pure. */
import type { ReceiverDefinition } from "../policy/definition/receivers.ts"
import type { Notice } from "./notice.ts"

/** Null where it is told nothing of it. */
export function toldTo(receiver: ReceiverDefinition, notice: Notice): Notice | null {
  const { type, data } = notice
  if (!receiver.events.includes(type)) return null
  if (data.kind !== "call") return notice
  if (receiver.format === "set") return null
  // Whoever is to hear of these alone must not be buried in what others answer.
  if (receiver.approvals && (data.name === null || !receiver.approvals.includes(data.name))) return null
  return receiver.arguments ? notice : { ...notice, data: { ...data, arguments: null } }
}
