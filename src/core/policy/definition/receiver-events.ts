/** What others can be told of: a closed set, in the words of `receivers.yaml`. docs/notifications.md tells it. */

/** Dotted, as Standard Webhooks has its types. */
export const EVENTS = [
  "approval.asked",
  "approval.answered",
  "task.quarantined",
  "task.released",
  "task.revoked",
  "task.aborted",
  "switch.set",
  "switch.lifted",
] as const
export type EventName = (typeof EVENTS)[number]

/** Of questions to people no Security Event Token tells: they are no security event. */
export const SIGNAL_EVENTS = EVENTS.filter((name) => !name.startsWith("approval."))

/** How a receiver is told: one row each in `message.ts`. */
export const FORMATS = ["standard", "slack", "set"] as const
export type FormatName = (typeof FORMATS)[number]
