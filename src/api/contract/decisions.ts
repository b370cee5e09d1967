/** What the API says of a decision, as far as both the console and the command line read it. See `src/core/record/record.ts`. */
import * as z from "zod"
import { KIND_NAMES } from "../../core/guardrails/kinds.ts"
import { members } from "./members.ts"

const text = z.string().nullable()
export const pointer = z.looseObject({ seq: z.number(), digest: z.string() })
export const denial = z.looseObject({ reason: z.string() })
const verdict = z.enum(["allow", "deny"])

export const decision = z.looseObject({
  id: z.string(),
  /** Milliseconds since the epoch. */
  at: z.number(),
  kind: z.string(),
  decision: verdict,
  code: z.string(),
  denial: denial.nullable(),
  mode: z.string(),
  gateway: text,
  environment: text,
  method: text,
  path: text,
  tool: text,
  action: text,
  sensitivity: text,
  task: text,
  purpose: text,
  user: text,
  groups: z.array(z.string()),
  chain: z.array(z.string()),
  arguments: members,
  facts: members,
  bundle: pointer.nullable(),
  principal: text,
  rules: z.array(z.string()),
  windows: z.array(
    z.looseObject({
      window: z.string(),
      limit: z.number(),
      seconds: z.number(),
      used: z.number(),
      asked: z.number().exactOptional(),
      waits: z.number().exactOptional(),
    }),
  ),
  guardrails: z.array(
    z.looseObject({
      guardrail: z.string(),
      kind: z.enum(KIND_NAMES),
      holds: z.boolean(),
      used: z.number().exactOptional(),
      asked: z.number().exactOptional(),
      limit: z.number().exactOptional(),
    }),
  ),
  calls: z.object({ used: z.number(), limit: z.number().nullable() }).nullable(),
  approvals: z.array(z.looseObject({ id: z.string(), name: text, guardrail: text, by: z.array(z.string()) })),
  labels: z.array(z.string()),
  candidate: z
    .looseObject({
      bundle: pointer,
      differs: z
        .looseObject({
          decision: verdict,
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
