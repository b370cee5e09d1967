/** What the API says of tasks, as far as these pages read it. */
import * as z from "zod"
import { GAUGES } from "../../core/guardrails/kinds.ts"

export const status = z.enum(["active", "pending", "quarantined", "revoked", "completed", "expired", "idle"])

const task = z.looseObject({
  id: z.string(),
  parent: z.string().nullable(),
  agent: z.string(),
  user: z.string().nullable(),
  purpose: z.string(),
  scope: z.string(),
  status,
  ended_by: z.string().nullable(),
  frozen_by: z.string().nullable(),
  opened_at: z.number(),
  expires_at: z.number(),
  idle_at: z.number().nullable(),
  calls: z.object({ used: z.number(), limit: z.number().nullable() }),
  left: z.object({ calls: z.number().nullable(), life: z.number(), next: z.array(z.string()).nullable() }),
  plan: z.array(z.looseObject({ tools: z.array(z.string()), times: z.number(), used: z.number() })).nullable(),
  labels: z.array(z.string()),
  risk: z.number(),
})
export type Task = z.infer<typeof task>

const gauge = z.looseObject({
  guardrail: z.string(),
  kind: z.enum(Object.keys(GAUGES)),
  measure: z.enum(["calls", "cost", "sum", "distinct"]),
  used: z.number().nullable(),
  limit: z.number(),
  seconds: z.number().nullable(),
  shared: z.boolean(),
  from_risk: z.number().nullable(),
  key: z.record(z.string(), z.string().nullable()).nullable(),
})
export type Gauge = z.infer<typeof gauge>

export const viewed = z.looseObject({ tasks: z.array(task), limits: z.array(gauge).nullable() })

export const latest = z.looseObject({
  tasks: z.array(
    z.looseObject({
      id: z.string(),
      agent: z.string().nullable(),
      chain: z.array(z.string()),
      user: z.string().nullable(),
      purpose: z.string().nullable(),
      token_at: z.number(),
    }),
  ),
  next: z.string().nullable(),
})

export const approvals = z.looseObject({
  approvals: z.array(
    z.looseObject({ id: z.string(), task: z.string(), tool: z.string(), status: z.string(), expires_at: z.number() }),
  ),
})
export type AskedCall = z.infer<typeof approvals>["approvals"][number]
