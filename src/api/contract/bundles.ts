/** What the API says of bundles and of explanations, as far as these pages read it. */
import * as z from "zod"
import { members } from "./members.ts"
import { denial, pointer } from "./decisions.ts"

const publication = pointer.extend({
  what: z.enum(["pointer", "candidate", "withdrawal"]),
  at: z.number(),
  by: z.string(),
  why: z.string(),
  done: z.boolean(),
})
export type Publication = z.infer<typeof publication>

export const bundles = z.looseObject({
  deciding: pointer,
  live: publication.nullable(),
  history: z.array(publication),
})
export type Bundles = z.infer<typeof bundles>
export const bundle = z.looseObject({ digest: z.string(), body: z.string() })

/** What is tried beside the live one; null where nothing is. History has the latest first. */
export function candidateOf({ history, deciding }: Bundles): Publication | null {
  const last = history.find(({ what, done }) => done && what !== "pointer")
  return last?.what === "candidate" && last.digest !== deciding.digest ? last : null
}

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
