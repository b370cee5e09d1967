/** agents.yaml: the agents that are registered, and the purposes that they work for. */
import { z } from "zod"
import { grant } from "./grant.ts"
import { name, scope, text } from "./values.ts"

/** Long enough for a call, short enough that a leaked token is soon worthless (DESIGN §4). */
const TOKEN_LIFE = { min: 30, max: 900, default: 300 } as const
/** A task longer than a day is a standing permission. */
const TASK_LIFE = { min: 30, max: 86_400 } as const
/** Each level is one more principal whose policy and grant must agree on every call. */
const DEEPEST = 8

const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})(?:\/[A-Za-z0-9._-]+)+$/u

const agentId = text(
  (value) => SPIFFE_ID.test(value) && value.length <= 2048 && !/\/\.{1,2}(?:\/|$)/u.test(value),
  "not a workload identity",
  "Write a SPIFFE ID, such as `spiffe://example.org/agent/support`.",
)

const purpose = z.strictObject({
  name,
  grant,
  default: z.array(scope).min(1).exactOptional(),
  life: z.int().min(TASK_LIFE.min).max(TASK_LIFE.max),
  user: z.enum(["required", "optional"]).default("required"),
})

const agent = z.strictObject({
  id: agentId,
  owner: name,
  groups: z.array(name).default([]),
  ceiling: grant,
  purposes: z.array(name).min(1),
  delegates_to: z.array(z.string()).default([]),
  depth: z.int().min(0).max(DEEPEST).default(0),
  life: z.int().min(TOKEN_LIFE.min).max(TOKEN_LIFE.max).default(TOKEN_LIFE.default),
  bound_key: z.boolean().default(false),
})

export const agentsFile = z.strictObject({ purposes: z.array(purpose), agents: z.array(agent) })
export type AgentsFile = z.infer<typeof agentsFile>

export function trustDomainOf(agent: string): string | undefined {
  return SPIFFE_ID.exec(agent)?.[1]
}
