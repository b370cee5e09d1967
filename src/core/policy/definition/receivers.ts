/** `receivers.yaml`: the receivers of our notifications. */

/** A receiver of our notifications (src/notifications), by HTTP; the Worker has its secret, under this `id`. */
export type ReceiverDefinition = { readonly id: string; readonly events: readonly EventName[] } & (
  | (ReadByPeople & {
      /** Signed as Standard Webhooks defines. */
      readonly format: "standard"
      readonly url: string
    })
  /** To a chat's incoming webhook: anyone with its URL can post there, so the URL is the secret. */
  | (ReadByPeople & { readonly format: "slack" })
  | {
      /** Security Event Tokens, pushed as RFC 8935 defines. */
      readonly format: "set"
      readonly url: string
      /** `aud` of them: the receiver's own name, never an audience of delegation tokens. */
      readonly audience: string
      /** It requires a bearer key, its secret (RFC 8935, section 3). */
      readonly bearer: boolean
    }
)

interface ReadByPeople {
  /** Only approval requests with these names of approvers.yaml. Absent: all. */
  readonly approvals?: readonly string[]
  /** It receives a call's arguments, except those that the catalog redacts. */
  readonly arguments: boolean
}

/**
 * The events of which receivers can be notified: a closed set, named as in `receivers.yaml`. docs/guides/notifications.md
 * describes them.
 */

/** With dots, like the types of Standard Webhooks. */
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

/** Approval requests are no security events, so no Security Event Token reports them. */
export const SIGNAL_EVENTS = EVENTS.filter((name) => !name.startsWith("approval."))

/** The formats of notifications: one row each in `message.ts`. */
export const FORMATS = ["standard", "slack", "set"] as const

export type FormatName = (typeof FORMATS)[number]
