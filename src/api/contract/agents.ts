/** What the API says of agents, as far as these pages read it. */
import * as z from "zod"
import { members } from "./members.ts"

const lookedAt = z.object({ records: z.number(), since: z.number().nullable() })
export type LookedAt = z.infer<typeof lookedAt>

const listed = z.looseObject({
  id: z.string(),
  owner: z.string(),
  groups: z.array(z.string()),
  purposes: z.array(z.string()),
  delegates_to: z.array(z.string()),
  bound_key: z.boolean(),
  last_seen: z.number().nullable(),
  calls: z.number(),
  denied: z.number(),
})
export type ListedAgent = z.infer<typeof listed>
export const agents = z.looseObject({
  agents: z.array(listed),
  more: z.boolean(),
  total: z.number(),
  looked_at: lookedAt,
})

const grant = z.looseObject({
  tools: z.array(z.string()),
  max_sensitivity: z.string(),
  arguments: members,
  environments: z.array(z.string()).nullable(),
  calls: z.number().nullable(),
})
export type Grant = z.infer<typeof grant>
const purpose = z.looseObject({
  name: z.string(),
  grant,
  default: z.array(z.string()),
  life: z.number(),
  idle: z.number().nullable(),
  user: z.string(),
  has_plan: z.boolean(),
})
export type Purpose = z.infer<typeof purpose>
const used = z.looseObject({ tool: z.string(), calls: z.number(), denied: z.number(), last: z.number().nullable() })
const permission = used.extend({ action: z.string(), sensitivity: z.string(), purposes: z.array(z.string()) })
export type Permission = z.infer<typeof permission>

export const agent = z.looseObject({
  id: z.string(),
  owner: z.string(),
  groups: z.array(z.string()),
  audiences: z.array(z.string()).exactOptional(),
  ceiling: grant,
  purposes: z.array(purpose),
  delegates_to: z.array(z.string()),
  depth: z.number(),
  life: z.number(),
  trees: z.object({ live: z.number(), per_minute: z.number() }),
  bound_key: z.boolean(),
  identities: z.array(
    z.looseObject({ kind: z.string(), issuer: z.string().exactOptional(), subject: z.string().exactOptional() }),
  ),
  last_seen: z.number().nullable(),
  calls: z.number(),
  denied: z.number(),
  permissions: z.looseObject({
    looked_at: lookedAt,
    tools: z.array(permission),
    total: z.number(),
    unused: z.number(),
    beyond: z.array(used),
  }),
})
export type Agent = z.infer<typeof agent>
