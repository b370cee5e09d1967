/** agents.yaml: the agents that are registered, and the purposes that they work for. */
import { z } from "zod"
import {
  DEFAULT_LIFE,
  MAX_TASK_LIFE,
  DEFAULT_TREES,
  type AgentDefinition,
  type IdentityDefinition,
} from "../../../src/core/policy/definition/agents.ts"
import { grant } from "./grant.ts"
import { algorithms, claimPath, exactClaims, ownKeys, toKeySource } from "./issuers.ts"
import { isRedirectUri } from "../../../src/core/encoding/redirect-uri.ts"
import { PLAN_CONSEQUENCES } from "../../../src/core/denials/terms/consequence.ts"
import { period, span } from "./span.ts"
import { name, scope, sentence, text, toolPattern } from "./values.ts"

/** Long enough for a call, short enough that a leaked token is soon worthless. */
const TOKEN_LIFE = { min: 30, max: 900, default: DEFAULT_LIFE } as const
const TASK_LIFE = { min: 30, max: MAX_TASK_LIFE } as const
/** Each is an object that may have to learn of a label before the answer. */
const MOST_PARTITIONS = 64
/** Each level is one more principal whose policy and grant must agree on every call. */
const DEEPEST = 8

const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})(?:\/[A-Za-z0-9._-]+)+$/u

export const agentId = text(
  (value) => isAgentUri(value) && !/\/\.{1,2}(?:\/|$)/u.test(value),
  "not an agent's id",
  "Write a SPIFFE ID, such as `spiffe://example.org/agent/support`, or an `https://` URI with `identities`.",
)

/**
 * It goes into headers, records and policy: a URI of plain characters. Without TLS only what does not leave the
 * machine.
 */
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
    issuer: name.exactOptional().describe("The `id` of the issuer of the workload's token, in issuers.yaml."),
    subject: subject.exactOptional().describe("The exact `sub` of the workload's token, without wildcards."),
    claims: exactClaims
      .exactOptional()
      .describe("Further claims that the workload's token must have, with their exact values."),
    instance: claimPath
      .exactOptional()
      .describe("The claim that names the instance of the agent, or the path to it: text. For `partitions`."),
    keys: ownKeys.exactOptional().describe("Instead of an issuer: the agent's own public keys, for `private_key_jwt`."),
    algorithms: algorithms
      .exactOptional()
      .describe("The algorithms with which the agent signs with its own keys, and no others."),
    audience: z
      .enum(["issuer", "token_endpoint"])
      .exactOptional()
      .describe(
        "With `keys`: the `aud` of the agent's assertions. `token_endpoint`: also the URL of the token endpoint, or `ISSUER` with a slash. If absent: `ISSUER` alone.",
      ),
  })
  .refine(
    ({ issuer, subject, claims, instance, keys, algorithms, audience }) =>
      keys === undefined
        ? issuer !== undefined && subject !== undefined && algorithms === undefined && audience === undefined
        : algorithms !== undefined && [issuer, subject, claims, instance].every((each) => each === undefined),
    {
      error: "neither a workload's token nor a key of its own",
      params: {
        fix: "Write `issuer` and `subject` (and `claims`, `instance`), or `keys` and `algorithms` (and `audience`).",
      },
    },
  )

/** So many of one agent for one user are a plan gone wrong; an agent that needs more says so. */
const TREES = { ...DEFAULT_TREES, most: 10_000 } as const

const trees = z
  .strictObject({
    live: z.int().min(1).max(TREES.most).default(TREES.live).describe("The most task trees that are alive at once."),
    per_minute: z
      .int()
      .min(1)
      .max(TREES.most)
      .default(TREES.per_minute)
      .describe("The most task trees that are opened in any minute."),
  })
  .prefault({})

/** A tool or pattern alone is that, once. */
const planStep = z.union([
  toolPattern.transform((tool) => ({ tools: [tool], times: 1 })),
  z.strictObject({
    tools: z.array(toolPattern).min(1).describe("Tools or patterns. A call of any of them is this step."),
    times: z.int().min(1).max(10_000).default(1).describe("The most calls of this step."),
  }),
])

const plan = z.strictObject({
  ordered: z
    .boolean()
    .default(false)
    .describe(
      "Whether the steps have an order: a step begins only after a call of the one before it, and no step returns.",
    ),
  steps: z.array(planStep).min(1).max(64).describe("The steps. A tool or pattern alone is one call of it."),
  deviation: z
    .enum(PLAN_CONSEQUENCES)
    .default("deny")
    .describe(
      "What follows from a call that is not in the plan, besides the denial: nothing, or the task is quarantined or revoked.",
    ),
})

const redirectUri = text(
  isRedirectUri,
  "not a redirect URI",
  "Write an `https://` URL in its usual spelling, without a fragment; `http://` is for `127.0.0.1`, `[::1]` and `localhost`, and an app's own scheme is `com.example.app:/…`.",
)

const client = z
  .strictObject({
    redirect_uris: z
      .array(redirectUri)
      .min(1)
      .max(32)
      .exactOptional()
      .describe(
        "The exact URIs to which authorization codes may be sent. At `127.0.0.1`, `[::1]` and `localhost` the port may differ.",
      ),
    metadata: z
      .literal(true)
      .exactOptional()
      .describe("The client's `client_id` is the URL of a Client ID Metadata Document, which lists the redirect URIs."),
    authentication: z
      .enum(["identity", "none"])
      .default("identity")
      .describe("How the client authenticates at the token endpoint. `none`: a public client on users' machines."),
  })
  .refine(({ redirect_uris, metadata }) => (redirect_uris === undefined) !== (metadata === undefined), {
    error: "its redirect URIs are said in exactly one place",
    params: { fix: "Write either `redirect_uris: […]` or `metadata: true`." },
  })

const purpose = z.strictObject({
  name: name.describe("The name by which token requests and agents refer to the purpose."),
  description: sentence
    .exactOptional()
    .describe("A description in plain words, for people who are asked for their consent."),
  grant: grant.describe("The most that a task of this purpose may do."),
  default: z
    .array(scope)
    .min(1)
    .exactOptional()
    .describe("What is granted if a request names no scope. If absent: all of `grant.tools`."),
  life: z.int().min(TASK_LIFE.min).max(TASK_LIFE.max).describe("Seconds until a task of this purpose expires."),
  session: z
    .strictObject({
      refresh: z
        .boolean()
        .exactOptional()
        .describe(
          "Whether a fresher session of the same user, from the same client and with the same proven key, extends a task of this purpose, never past its `life` or what the user consented to.",
        ),
      offline: z
        .boolean()
        .exactOptional()
        .describe(
          "Whether a task of this purpose goes on after its user's session, if the user has consented to that and its agent proves a key. It ends when the user or their provider is suspended.",
        ),
    })
    .exactOptional()
    .describe("How a task of this purpose depends on its user's session. If absent: it ends with the session."),
  idle: z
    .int()
    .min(TASK_LIFE.min)
    .max(TASK_LIFE.max)
    .exactOptional()
    .describe("Seconds without an allowed call after which a task expires."),
  carry: span
    .exactOptional()
    .describe(
      "How long the agents of a task carry its labels into their other tasks for the same user: up to `24h`. If the label states a time too: the longer.",
    ),
  isolated: z
    .boolean()
    .exactOptional()
    .describe(
      "Whether the platform gives each task of this purpose a fresh context, so that labels pass between such tasks under the same key only. Requires `bound_key` of its agents.",
    ),
  plan: plan.exactOptional().describe("The calls that the work consists of. Other calls are denied."),
  user: z
    .enum(["required", "optional"])
    .default("required")
    .describe("Whether a task of this purpose needs a user on whose behalf the agent acts."),
})

const agent = z.strictObject({
  id: agentId.describe(
    "The agent's id in rules, records and tokens: a SPIFFE ID, or an `https://` URI with `identities`.",
  ),
  identities: z
    .array(identity)
    .min(1)
    .exactOptional()
    .describe("Other credentials that prove that a workload is this agent."),
  owner: name.describe("The person or team responsible for the agent. It is `Agent.owner` in rules."),
  groups: z.array(name).default([]).describe("The Cedar AgentGroups that the agent belongs to."),
  audiences: z
    .array(z.string().min(1))
    .min(1)
    .exactOptional()
    .describe("The audiences of gateways for which the agent may request tokens. If absent: all."),
  ceiling: grant.describe("The most that the agent may do, for any purpose."),
  purposes: z.array(name).min(1).describe("The names of its purposes. The first one is used if a request names none."),
  delegates_to: z
    .array(z.string())
    .default([])
    .describe("The ids of the agents to which it may delegate a part of its task."),
  depth: z.int().min(0).max(DEEPEST).default(0).describe("The most levels of sub-agents below one of its tasks."),
  life: z
    .int()
    .min(TOKEN_LIFE.min)
    .max(TOKEN_LIFE.max)
    .default(TOKEN_LIFE.default)
    .describe("The longest lifetime of a delegation token, in seconds."),
  bound_key: z.boolean().default(false).describe("Whether tokens are issued only for a proven key (DPoP)."),
  partitions: z
    .int()
    .min(1)
    .max(MOST_PARTITIONS)
    .exactOptional()
    .describe(
      "Over how many ledgers the agent's instances are spread for tasks without a user. Each must prove which it is. If absent: 1.",
    ),
  client: client
    .exactOptional()
    .describe("For an agent that sends users to Narrowgate for their consent (authorization code grant)."),
  trees: trees.describe("How many task trees the agent may have for one user; for none, in each of its partitions."),
})

const LIFE_OF_REGISTRATION = 30 * 86_400
const MOST_REGISTERED = 100_000

const registration = z.strictObject({
  class: text(
    (value) => /^[a-z0-9][a-z0-9-]{0,62}$/u.test(value),
    "not the name of a class",
    "Write lower-case letters, digits and `-`, such as `mcp`.",
  ).describe("The name of the class, which is a part of the id of each client: `ISSUER/clients/CLASS/…`."),
  owner: name.describe("The person or team responsible for the clients. It is `Agent.owner` in rules."),
  groups: z.array(name).default([]).describe("The Cedar AgentGroups that the clients belong to."),
  ceiling: grant.describe("The most that a client may do, for any purpose."),
  purposes: z
    .array(name)
    .min(1)
    .describe("The names of their purposes. The first one is used if a request names none."),
  audiences: z
    .array(z.string().min(1))
    .min(1)
    .exactOptional()
    .describe("The audiences of gateways for which a client may request tokens. If absent: all."),
  life: period.default(LIFE_OF_REGISTRATION).describe("How long a registration is valid: up to `31d`."),
  per_minute: z
    .int()
    .min(1)
    .max(1_000)
    .default(40)
    .describe("The most registrations in any minute. One network has a quarter of it."),
  per_day: z
    .int()
    .min(1)
    .max(MOST_REGISTERED)
    .default(500)
    .describe("The most registrations in any 24 hours. One network has a quarter of it."),
  most: z.int().min(1).max(MOST_REGISTERED).default(5_000).describe("The most registrations that are valid at once."),
})

export const agentsFile = z.strictObject({
  purposes: z.array(purpose).describe("The purposes of tasks."),
  agents: z.array(agent).describe("The registered agents."),
  registration: registration
    .exactOptional()
    .describe("The class of the clients that register themselves (RFC 7591). If absent: none can."),
})
export type AgentsFile = z.infer<typeof agentsFile>
export type Identity = z.infer<typeof identity>

export function trustDomainOf(agent: string): string | undefined {
  return SPIFFE_ID.exec(agent)?.[1]
}

/** As a bundle has it. */
export function toAgent({ identities, ...agent }: AgentsFile["agents"][number]): AgentDefinition {
  return identities ? { ...agent, identities: identities.map(toIdentity) } : agent
}

function toIdentity(identity: Identity): IdentityDefinition {
  const { issuer = "", subject = "", claims = {}, instance, keys, algorithms = [], audience } = identity
  return keys
    ? { kind: "private_key_jwt", keys: toKeySource(keys), algorithms, ...(audience && { audience }) }
    : { kind: "workload", issuer, subject, claims, ...(instance && { instance }) }
}
