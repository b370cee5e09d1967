/** What the API says of approvals, as far as these pages read it. */
import * as z from "zod"
import { members } from "./members.ts"
import { askedCall as commonCall, askedTask as commonTask } from "./approvals.ts"

const status = z.enum(["pending", "approved", "rejected"])

const details = z.looseObject({
  tools: z.array(z.string()),
  actions: z.array(z.string()),
  max_sensitivity: z.string(),
  arguments: z.record(z.string(), members).exactOptional(),
  calls: z.number().exactOptional(),
})

export const askedTask = commonTask.extend({
  authorization_details: z.array(details).nullable(),
  plan: z.array(z.looseObject({ tools: z.array(z.string()), times: z.number() })).nullable(),
  status,
})
export type AskedTask = z.infer<typeof askedTask>

const vote = z.looseObject({ by: z.string(), approved: z.boolean(), reason: z.string().nullable(), at: z.number() })
const listedCall = commonCall.extend({
  decision: z.string(),
  asked_at: z.number(),
  most_uses: z.number(),
  status,
  uses: z.number(),
  votes: z.array(vote),
})
export type ListedCall = z.infer<typeof listedCall>

const call = z.looseObject({
  id: z.string(),
  at: z.number(),
  task: z.string().nullable(),
  tool: z.string().nullable(),
  action: z.string().nullable(),
  decision: z.enum(["allow", "deny"]),
  code: z.string(),
  chain: z.array(z.string()),
})

export const askedCall = listedCall.extend({
  unanswerable: z
    .enum(["own", "no operator", "stranger", "unknown", "answered", "expired", "voted", "frozen", "too many uses"])
    .nullable(),
  reason: z.looseObject({
    rules: z.array(
      z.looseObject({
        id: z.string(),
        annotations: z.record(z.string(), z.string().nullable()).exactOptional(),
        text: z.string().exactOptional(),
      }),
    ),
    guardrail: z.looseObject({ id: z.string(), kind: z.string() }).nullable(),
    figures: z.object({ used: z.number(), asked: z.number(), limit: z.number() }).nullable(),
  }),
  risk: z.number().nullable(),
  history: z.array(call).nullable(),
})
export type AskedCall = z.infer<typeof askedCall>

export const listed = z.looseObject({
  approvals: z.array(z.discriminatedUnion("kind", [askedTask, listedCall])),
  more: z.boolean().optional(),
})
