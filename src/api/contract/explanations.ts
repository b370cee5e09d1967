import * as z from "zod"
import { denial, pointer } from "./decisions.ts"
import { members } from "./members.ts"

const rule = z.object({
  id: z.string(),
  effect: z.enum(["permit", "forbid"]),
  outcome: z.enum(["holds", "fails", "errs", "is about others"]),
  at: z.number().nullable(),
  determined: z.boolean(),
  remedy: z.string().nullable(),
})

export type RuleSeen = z.infer<typeof rule>

const principal = z.looseObject({
  principal: z.string(),
  allowed: z.boolean(),
  rules: z.array(rule),
  more: z.number(),
})

export type PrincipalSeen = z.infer<typeof principal>

export const explanation = z.looseObject({
  bundle: pointer,
  decision: z.enum(["allow", "deny", "untold", "apart"]),
  code: z.string().nullable(),
  denial: denial.nullable(),
  granted: z.boolean().nullable(),
  policy: z
    .looseObject({
      permitted: z.boolean(),
      principals: z.array(principal),
      read: members,
      rules: z.record(z.string(), z.string()),
    })
    .nullable(),
  untold: z.array(z.string()),
  guardrails_untold: z.array(z.string()),
  call: z.looseObject({
    chain: z.array(z.string()),
    purpose: z.string().nullable(),
    user: z.string().nullable(),
    tool: z.string().nullable(),
    action: z.string().nullable(),
    sensitivity: z.string().nullable(),
    gateway: z.string().nullable(),
    environment: z.string().nullable(),
  }),
  recorded: z
    .looseObject({
      id: z.string(),
      decision: z.enum(["allow", "deny"]),
      code: z.string(),
      denial: denial.nullable(),
      bundle: pointer.nullable(),
    })
    .nullable(),
})

export type Explanation = z.infer<typeof explanation>
