/** `/v1/agents`: the registered agents, and which of their permissions they have used. */
import * as z from "zod"
import { endpoint, once } from "./endpoint.ts"
import { members, momentOrNull } from "./members.ts"

const searchedRange = once(() =>
  z
    .looseObject({ records: z.number(), since: momentOrNull() })
    .describe("The number of records that were read, and how far back they reach."),
)

const seen = once(() => ({
  last_seen: momentOrNull(),
  calls: z.number(),
  denied: z.number(),
}))

export const listedAgent = once(() =>
  z.looseObject({
    id: z.string(),
    owner: z.string(),
    groups: z.array(z.string()),
    purposes: z.array(z.string()),
    delegates_to: z.array(z.string()),
    bound_key: z.boolean(),
    ...seen(),
  }),
)
export type ListedAgent = z.infer<ReturnType<typeof listedAgent>>

const grant = once(() =>
  z.looseObject({
    tools: z.array(z.string()),
    max_sensitivity: z.string(),
    arguments: members,
    closed: z.boolean().describe("Whether calls with other arguments are denied."),
    environments: z.array(z.string()).nullable(),
    calls: z.number().nullable(),
  }),
)
export type Grant = z.infer<ReturnType<typeof grant>>

const purpose = once(() =>
  z.looseObject({
    name: z.string(),
    grant: grant(),
    default: z.array(z.string()),
    life: z.number().describe("Seconds."),
    idle: z.number().nullable().describe("Seconds."),
    user: z.string(),
    has_plan: z.boolean(),
  }),
)
export type Purpose = z.infer<ReturnType<typeof purpose>>

const used = once(() =>
  z.looseObject({ tool: z.string(), calls: z.number(), denied: z.number(), last: momentOrNull() }),
)
const permission = once(() =>
  used().extend({ action: z.string(), sensitivity: z.string(), purposes: z.array(z.string()) }),
)
export type Permission = z.infer<ReturnType<typeof permission>>

const agent = once(() =>
  z.looseObject({
    id: z.string(),
    history: z
      .string()
      .describe(
        "Whose history it has: its `id`; of a client that registered itself, `ISSUER/clients/CLASS`. Calls and permissions are those of all agents with this history.",
      ),
    owner: z.string(),
    groups: z.array(z.string()),
    audiences: z.array(z.string()).exactOptional().describe("Absent: any gateway's."),
    ceiling: grant(),
    purposes: z.array(purpose()),
    delegates_to: z.array(z.string()),
    depth: z.number().describe("Deepest level of sub-agents below a task of its own."),
    life: z.number().describe("Longest life of a delegation token, seconds."),
    trees: z.looseObject({ live: z.number(), per_minute: z.number() }),
    bound_key: z.boolean(),
    partitions: z.number().exactOptional().describe("Absent: 1."),
    client: members.exactOptional().describe("How it uses the authorization code grant."),
    identities: z.array(
      z.looseObject({
        kind: z.string(),
        issuer: z.string().exactOptional(),
        subject: z.string().exactOptional(),
        instance: z.array(z.string()).exactOptional().describe("Path of the claim that distinguishes its instances."),
        keys: z.string().exactOptional().describe("Where its keys are registered, never the keys."),
      }),
    ),
    ...seen(),
    permissions: z.looseObject({
      looked_at: searchedRange(),
      tools: z
        .array(permission())
        .describe("What a purpose and the ceiling cover; the latest used first, 500 at most."),
      total: z.number(),
      unused: z.number().describe("How many of all it was never allowed to call."),
      beyond: z.array(used()).describe("Tools that it has called although none of its purposes covers them."),
    }),
  }),
)
export type Agent = z.infer<ReturnType<typeof agent>>

export const agents = {
  listAgents: endpoint({
    method: "GET",
    path: "/v1/agents",
    summary: "Lists the agents of the live bundle, in the order of their ids.",
    access: { by: "operator", role: "viewer", area: "agents" },
    record: "management",
    query: once(() =>
      z.strictObject({
        after: z.string().max(2_048).optional().describe("Only those whose ids come after this one."),
        limit: z.coerce.number().int().min(1).max(500).default(100).describe("How many are listed at most."),
      }),
    ),
    answer: once(() =>
      z.looseObject({
        agents: z.array(listedAgent()),
        more: z.boolean(),
        total: z.number(),
        looked_at: searchedRange(),
      }),
    ),
    errors: [],
  }),
  showAgent: endpoint({
    method: "GET",
    path: "/v1/agents/:agent",
    summary: "Shows an agent, with its ceiling, its purposes, and how it has used its permissions.",
    access: { by: "operator", role: "viewer", area: "agents" },
    record: "management",
    answer: agent,
    errors: ["not_found"],
  }),
} as const
