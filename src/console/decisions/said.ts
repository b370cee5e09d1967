/** What the API says of decisions, as far as these pages read it. */
import * as z from "zod"
import { members } from "../../members.ts"

const text = z.string().nullable()
const pointer = z.looseObject({ seq: z.number(), digest: z.string() })
const denial = z.looseObject({ reason: z.string() })
export type Denial = z.infer<typeof denial>

export const decision = z.looseObject({
  id: z.string(),
  at: z.number(),
  kind: z.string(),
  decision: z.enum(["allow", "deny"]),
  code: z.string(),
  denial: denial.nullable(),
  mode: z.string(),
  gateway: text,
  environment: text,
  operator: text,
  method: text,
  path: text,
  tool: text,
  action: text,
  sensitivity: text,
  task: text,
  purpose: text,
  scope: text,
  audience: text,
  user: text,
  groups: z.array(z.string()),
  chain: z.array(z.string()),
  arguments: members,
  facts: members,
  bundle: pointer.nullable(),
  principal: text,
  rules: z.array(z.string()),
  windows: z.array(z.looseObject({ window: z.string(), limit: z.number(), seconds: z.number(), used: z.number() })),
  guardrails: z.array(
    z.looseObject({
      guardrail: z.string(),
      holds: z.boolean(),
      used: z.number().exactOptional(),
      limit: z.number().exactOptional(),
    }),
  ),
  calls: z.object({ used: z.number(), limit: z.number().nullable() }).nullable(),
  approvals: z.array(z.looseObject({ name: text, guardrail: text, by: z.array(z.string()) })),
  labels: z.array(z.string()),
  candidate: z
    .looseObject({
      bundle: pointer,
      differs: z
        .looseObject({
          decision: z.enum(["allow", "deny"]),
          code: z.string(),
          denial: denial.nullable(),
          rules: z.array(z.string()),
          scope: text,
        })
        .nullable(),
    })
    .nullable(),
  listing: z.looseObject({ asked: z.number(), hidden: z.record(z.string(), z.number()) }).nullable(),
  cut: z.array(z.string()),
  bound: z.boolean(),
  total_ms: z.number(),
})
export type Decision = z.infer<typeof decision>

export const decisions = z.looseObject({ decisions: z.array(decision) })
export const rates = z.looseObject({
  slot_ms: z.number(),
  slots: z.array(z.object({ at: z.number(), allowed: z.number(), denied: z.number() })),
})
export type Rates = z.infer<typeof rates>
