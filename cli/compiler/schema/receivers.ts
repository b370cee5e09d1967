/** receivers.yaml: who is notified of which events, and in which format. It contains no secrets. */
import { z } from "zod"
import { EVENTS, FORMATS, type ReceiverDefinition } from "../../../src/core/policy/definition/receivers.ts"
import { approvalName } from "./approvers.ts"
import { text, trustedUrl } from "./values.ts"

/** Each has an object of its own, and each event goes to all of them. */
const MOST_RECEIVERS = 32

const receiverId = text(
  (value) => /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/u.test(value),
  "not the id of a receiver",
  "Write up to 64 lower-case letters, digits and `-`.",
)

const receiver = z.strictObject({
  id: receiverId.describe(
    "The id in `WEBHOOK_SECRETS` and `/v1/deliveries`. A receiver with another id starts with an empty queue.",
  ),
  format: z
    .enum(FORMATS)
    .describe("`standard`: Standard Webhooks. `slack`: the incoming webhook of a chat. `set`: Security Event Tokens."),
  url: trustedUrl
    .exactOptional()
    .describe("The URL of the receiver. For `slack` it is a secret and belongs into `WEBHOOK_SECRETS`."),
  events: z.array(z.enum(EVENTS)).min(1).describe("The events that it is notified of."),
  approvals: z
    .array(approvalName)
    .min(1)
    .exactOptional()
    .describe(
      "Restricts notifications about approvals to these names of approvers.yaml; a user's consent has none. If absent: all.",
    ),
  arguments: z
    .boolean()
    .exactOptional()
    .describe("Whether notifications contain the arguments of calls, except those that the catalog redacts."),
  audience: z.string().min(1).max(2_048).exactOptional().describe("For `set`: the `aud` of the Security Event Tokens."),
  bearer: z
    .boolean()
    .exactOptional()
    .describe("For `set`: whether the receiver requires a bearer key, which is its secret."),
})

export const receiversFile = z.strictObject({
  receivers: z.array(receiver).max(MOST_RECEIVERS).describe("The receivers."),
})
export type ReceiversFile = z.infer<typeof receiversFile>

/**
 * As a bundle has them: each with the members of its format, and no others.
 * @param file in which the checks have found no error
 */
export function receiversOf({ receivers }: ReceiversFile): readonly ReceiverDefinition[] {
  return receivers.map(
    ({ id, events, format, url = "", approvals, arguments: hasArguments = false, audience = "", bearer = false }) => {
      if (format === "set") return { id, events, format, url, audience, bearer }
      const toPeople = { id, events, ...(approvals && { approvals }), arguments: hasArguments }
      return format === "slack" ? { ...toPeople, format } : { ...toPeople, format, url }
    },
  )
}
