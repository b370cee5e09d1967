/** agents.yaml: the agents that are registered, and the purposes that they work for. */
import { z } from "zod"
import { grant } from "./grant.ts"
import { algorithms, exactClaims, ownKeys } from "./issuers.ts"
import { isRedirectUri } from "../../../src/core/encoding/redirect-uri.ts"
import { PLAN_CONSEQUENCES } from "../../../src/core/denials/consequence.ts"
import { name, scope, sentence, text, toolPattern } from "./values.ts"

/** Long enough for a call, short enough that a leaked token is soon worthless (DESIGN §4). */
const TOKEN_LIFE = { min: 30, max: 900, default: 300 } as const
/** A task longer than a day is a standing permission. */
const TASK_LIFE = { min: 30, max: 86_400 } as const
/** Each level is one more principal whose policy and grant must agree on every call. */
const DEEPEST = 8

const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})(?:\/[A-Za-z0-9._-]+)+$/u

export const agentId = text(
  (value) => isAgentUri(value) && !/\/\.{1,2}(?:\/|$)/u.test(value),
  "not an agent's id",
  "Write a SPIFFE ID, such as `spiffe://example.org/agent/support`, or an `https://` URI with `identities`.",
)

/** It goes into headers, records and policy: a URI of plain characters. Without TLS only what does not leave the machine. */
function isAgentUri(value: string): boolean {
  if (value.length > 2048) return false
  if (value.startsWith("spiffe:")) return SPIFFE_ID.test(value)
  return (
    /^(?:https:|http:(?=\/\/(?:127\.0\.0\.1|localhost)[:/]))\/\/[A-Za-z0-9.-]+(?::\d{1,5})?(?:\/[A-Za-z0-9._~-]+)+$/u.test(
      value,
    ) && URL.canParse(value)
  )
}

/** A `*` means itself to us and everything to its reader (GitHub's own conditions have wildcards). */
const subject = text(
  (value) => /^[^\p{Cc}\p{Cs}*?]{1,1024}$/u.test(value),
  "not an exact subject",
  "Write the whole `sub` of the workload's token, without wildcards; one identity for each subject.",
)

const identity = z
  .strictObject({
    issuer: name.exactOptional(),
    subject: subject.exactOptional(),
    claims: exactClaims.exactOptional(),
    keys: ownKeys.exactOptional(),
    algorithms: algorithms.exactOptional(),
  })
  .refine(
    ({ issuer, subject, claims, keys, algorithms }) =>
      keys === undefined
        ? issuer !== undefined && subject !== undefined && algorithms === undefined
        : algorithms !== undefined && issuer === undefined && subject === undefined && claims === undefined,
    {
      error: "neither a workload's token nor a key of its own",
      params: { fix: "Write `issuer` and `subject` (and `claims`), or `keys` and `algorithms`." },
    },
  )

/** So many of one agent for one user are a plan gone wrong; an agent that needs more says so. */
const TREES = { live: 100, per_minute: 60, most: 10_000 } as const

const trees = z
  .strictObject({
    live: z.int().min(1).max(TREES.most).default(TREES.live),
    per_minute: z.int().min(1).max(TREES.most).default(TREES.per_minute),
  })
  .prefault({})

/** A tool or pattern alone is that, once. */
const planStep = z.union([
  toolPattern.transform((tool) => ({ tools: [tool], times: 1 })),
  z.strictObject({ tools: z.array(toolPattern).min(1), times: z.int().min(1).max(10_000).default(1) }),
])

const plan = z.strictObject({
  ordered: z
    .boolean()
    .default(false)
    .describe("A step begins only once the one before it was called, and none comes back."),
  steps: z
    .array(planStep)
    .min(1)
    .max(64)
    .describe("A tool or pattern is that, once; `{tools, times}` so many calls of it at most."),
  deviation: z
    .enum(PLAN_CONSEQUENCES)
    .default("deny")
    .describe("What follows from a call that the plan has no place for."),
})

const redirectUri = text(
  isRedirectUri,
  "not a redirect URI",
  "Write an `https://` URL in its usual spelling, without a fragment; `http://` is for `127.0.0.1`, `[::1]` and `localhost`.",
)

const client = z
  .strictObject({
    redirect_uris: z
      .array(redirectUri)
      .min(1)
      .max(32)
      .exactOptional()
      .describe("Where codes may be sent, letter by letter; of `127.0.0.1` and `[::1]` on any port."),
    metadata: z
      .literal(true)
      .exactOptional()
      .describe("Its id is the URL of a Client ID Metadata Document, which says so instead."),
    authentication: z
      .enum(["identity", "none"])
      .default("identity")
      .describe("How it comes for its token; `none`: a program on people's machines, which proves nothing."),
  })
  .refine(({ redirect_uris, metadata }) => (redirect_uris === undefined) !== (metadata === undefined), {
    error: "its redirect URIs are said in exactly one place",
    params: { fix: "Write either `redirect_uris: […]` or `metadata: true`." },
  })

const purpose = z.strictObject({
  name: name.describe("What a request names."),
  description: sentence.exactOptional().describe("In plain words, for people who are asked for their consent."),
  grant: grant.describe("The most that a task of this purpose may do."),
  default: z
    .array(scope)
    .min(1)
    .exactOptional()
    .describe("What is granted where the request names no tools; absent: all of `grant.tools`."),
  life: z.int().min(TASK_LIFE.min).max(TASK_LIFE.max).describe("Life of the task, seconds."),
  idle: z
    .int()
    .min(TASK_LIFE.min)
    .max(TASK_LIFE.max)
    .exactOptional()
    .describe("Seconds without an admitted call, after which the task has expired."),
  plan: plan.exactOptional().describe("The calls that its work is made of."),
  user: z
    .enum(["required", "optional"])
    .default("required")
    .describe("`required`: an agent alone gets no task of this purpose."),
})

const agent = z.strictObject({
  id: agentId.describe("Who it is in rules, records and tokens: a SPIFFE ID, or an `https://` URI with `identities`."),
  identities: z.array(identity).min(1).exactOptional().describe("What else proves that it is this agent."),
  owner: name.describe("Who answers for it; `Agent.owner` in rules."),
  groups: z.array(name).default([]).describe("Its Cedar AgentGroups."),
  audiences: z
    .array(z.string().min(1))
    .min(1)
    .exactOptional()
    .describe("What its tokens may be for: gateways' audiences; absent: all."),
  ceiling: grant.describe("The most that it may ever do."),
  purposes: z.array(name).min(1).describe("Names of its purposes; the first is taken where a request names none."),
  delegates_to: z.array(z.string()).default([]).describe("Agents to which it may hand a part of its task."),
  depth: z.int().min(0).max(DEEPEST).default(0).describe("Levels of sub-agents below a task of its own."),
  life: z
    .int()
    .min(TOKEN_LIFE.min)
    .max(TOKEN_LIFE.max)
    .default(TOKEN_LIFE.default)
    .describe("Longest life of a delegation token, seconds."),
  bound_key: z.boolean().default(false).describe("Tokens only against a proven key (DPoP)."),
  client: client.exactOptional().describe("It sends people here with their browser, to consent (authorization code)."),
  trees: trees.describe("Task trees of its own for one user: alive at once, and opened in any minute."),
})

export const agentsFile = z.strictObject({ purposes: z.array(purpose), agents: z.array(agent) })
export type AgentsFile = z.infer<typeof agentsFile>
export type Identity = z.infer<typeof identity>

export function trustDomainOf(agent: string): string | undefined {
  return SPIFFE_ID.exec(agent)?.[1]
}
