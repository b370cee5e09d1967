/** `receivers.yaml`: who is told what happens here. */

/** Whom we tell what happens (src/notifications), by HTTP; its secret is the Worker's to know, by this `id`. */
export type ReceiverDefinition = { readonly id: string; readonly events: readonly EventName[] } & (
  | (ReadByPeople & {
      /** Signed as Standard Webhooks has it. */
      readonly format: "standard"
      readonly url: string
    })
  /** To a chat's incoming webhook: whoever knows the address can post there, so it is the secret. */
  | (ReadByPeople & { readonly format: "slack" })
  | {
      /** Security Event Tokens, pushed as RFC 8935 has it. */
      readonly format: "set"
      readonly url: string
      /** `aud` of them: what the receiver calls itself, never an audience of delegation tokens. */
      readonly audience: string
      /** It wants a bearer key, its secret (RFC 8935 3). */
      readonly bearer: boolean
    }
)

interface ReadByPeople {
  /** Of questions about calls those by these names of approvers.yaml; absent: all. */
  readonly approvals?: readonly string[]
  /** It is told a call's arguments, but for what the catalog redacts. */
  readonly arguments: boolean
}

/**
 * What others can be told of: a closed set, in the words of `receivers.yaml`. docs/guides/notifications.md tells it.
 */

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
