/** receivers.yaml: who is told what happens, in which format, of which events. What is secret stands nowhere in it. */
import { z } from "zod"
import { EVENTS, FORMATS } from "../../../src/core/policy/definition/receivers.ts"
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
  id: receiverId.describe("What `WEBHOOK_SECRETS` and `/v1/deliveries` call it; its queue hangs on it."),
  format: z
    .enum(FORMATS)
    .describe("`standard`: Standard Webhooks; `slack`: a chat's incoming webhook; `set`: Security Event Tokens."),
  url: trustedUrl
    .exactOptional()
    .describe("Where to. Of `slack` the address is a secret: it stands in `WEBHOOK_SECRETS`."),
  events: z.array(z.enum(EVENTS)).min(1).describe("What it is told of."),
  approvals: z
    .array(approvalName)
    .min(1)
    .exactOptional()
    .describe("Of questions about calls those by these names of approvers.yaml alone; absent: all."),
  arguments: z.boolean().exactOptional().describe("It is told a call's arguments, without what the catalog redacts."),
  audience: z.string().min(1).max(2_048).exactOptional().describe("`aud` of what a receiver of `set` is pushed."),
  bearer: z.boolean().exactOptional().describe("A receiver of `set` wants a bearer key: its secret."),
})

export const receiversFile = z.strictObject({ receivers: z.array(receiver).max(MOST_RECEIVERS) })
export type ReceiversFile = z.infer<typeof receiversFile>
