/**
 * The bundle: one compiled, immutable, content-addressed version of `policies/`. The CLI writes it, the Worker only
 * reads it. Its digest is the SHA-256 of its bytes. A change of a member here needs a new FORMAT, so that older code
 * rejects a bundle that it would misread.
 */
import type { McpServer } from "../catalog/mcp-server.ts"
import type { RouteDefinition } from "../catalog/route.ts"
import type { Tool } from "../catalog/tool.ts"
import type { Guardrail } from "../guardrails/kinds.ts"
import type { AgentDefinition, PurposeDefinition } from "./definition/agents.ts"
import type { ApprovalDefinition, Approving } from "./definition/approvers.ts"
import type { GatewayDefinition, QueryClient } from "./definition/gateways.ts"
import type { IssuerDefinition } from "./definition/issuers.ts"
import type { LabelDefinition } from "./definition/labels.ts"
import type { OperatorDefinition } from "./definition/operators.ts"
import type { RegistrationDefinition } from "./definition/registration.ts"
import type { ReceiverDefinition } from "./definition/receivers.ts"
import type { SinkDefinition } from "./definition/sinks.ts"
import type { StreamDefinition } from "./definition/streams.ts"
import type { LoweredRule, StoredEntity } from "./cedar/lowered.ts"
import type { DeclaredDecimals } from "./cedar/values/json-number.ts"

export const FORMAT = 18

export interface BundleBody {
  readonly format: typeof FORMAT
  readonly rules: readonly LoweredRule[]
  readonly entities: readonly StoredEntity[]
  readonly decimals: DeclaredDecimals
  readonly tools: readonly Tool[]
  readonly routes: readonly RouteDefinition[]
  readonly servers: readonly McpServer[]
  readonly labels: readonly LabelDefinition[]
  readonly agents: readonly AgentDefinition[]
  readonly purposes: readonly PurposeDefinition[]
  /** Null: no client can register itself. */
  readonly registration: RegistrationDefinition | null
  readonly issuers: readonly IssuerDefinition[]
  readonly gateways: readonly GatewayDefinition[]
  readonly queries: readonly QueryClient[]
  readonly operators: readonly OperatorDefinition[]
  readonly streams: readonly StreamDefinition[]
  readonly receivers: readonly ReceiverDefinition[]
  readonly sinks: readonly SinkDefinition[]
  readonly guardrails: readonly Guardrail[]
  readonly approvals: readonly ApprovalDefinition[]
  /** The people whom an agent's `owner` stands for in approvals. */
  readonly owners: Readonly<Record<string, readonly Approving[]>>
}

export const EMPTY_BODY: BundleBody = {
  format: FORMAT,
  rules: [],
  entities: [],
  decimals: { contexts: {}, attributes: {} },
  tools: [],
  routes: [],
  servers: [],
  labels: [],
  agents: [],
  purposes: [],
  registration: null,
  issuers: [],
  gateways: [],
  queries: [],
  operators: [],
  streams: [],
  receivers: [],
  sinks: [],
  guardrails: [],
  approvals: [],
  owners: {},
}

/** What people compare bundles by: the kind of a member's parts, and each part by its name. */
interface MemberParts<Member> {
  readonly kind: string
  byName(member: Member): ReadonlyMap<string, unknown>
}

/** In the order in which people see them. Null: the member is made of others, or belongs to the parts of another. */
const PARTS: { readonly [Name in keyof BundleBody]: MemberParts<BundleBody[Name]> | null } = {
  format: null,
  rules: { kind: "rule", byName: byId },
  decimals: {
    kind: "decimals",
    byName: ({ contexts, attributes }) => new Map(Object.entries({ ...contexts, ...attributes })),
  },
  tools: { kind: "tool", byName },
  routes: null,
  servers: { kind: "server", byName },
  labels: { kind: "label", byName },
  agents: { kind: "agent", byName: byId },
  purposes: { kind: "purpose", byName },
  registration: { kind: "registration", byName: (one) => new Map(one ? [[one.class, one]] : []) },
  guardrails: { kind: "guardrail", byName: byId },
  approvals: { kind: "approval", byName },
  owners: { kind: "owner", byName: (owners) => new Map(Object.entries(owners)) },
  gateways: { kind: "gateway", byName: byId },
  issuers: { kind: "issuer", byName: byId },
  operators: {
    kind: "operator",
    byName: (operators) => new Map(operators.map((each) => [`${each.issuer}|${each.subject}`, each])),
  },
  queries: { kind: "query client", byName: byId },
  streams: { kind: "stream", byName: byId },
  receivers: { kind: "receiver", byName: byId },
  sinks: { kind: "sink", byName: byId },
  entities: null,
}

function byId(parts: readonly { readonly id: string }[]): ReadonlyMap<string, unknown> {
  return new Map(parts.map((part) => [part.id, part]))
}

function byName(parts: readonly { readonly name: string }[]): ReadonlyMap<string, unknown> {
  return new Map(parts.map((part) => [part.name, part]))
}

/** By kind, then by name. A tool comes with its routes, a resource with its pattern, a prompt with its server's name. */
export function partsOf(body: BundleBody): ReadonlyMap<string, ReadonlyMap<string, unknown>> {
  const routes = Map.groupBy(body.routes, ({ tool }) => tool)
  const patterns = new Map(
    body.servers.flatMap(({ resources = [] }) => resources.map((each) => [each.tool, each.pattern])),
  )
  const prompts = new Map(
    body.servers.flatMap((server) => (server.prompts ?? []).map((each) => [each.tool, each.prompt])),
  )
  const tools = body.tools.map((tool) => ({
    ...tool,
    ...(routes.has(tool.name) && { routes: routes.get(tool.name) }),
    ...(patterns.has(tool.name) && { resource: patterns.get(tool.name) }),
    ...(prompts.has(tool.name) && { prompt: prompts.get(tool.name) }),
  }))
  const servers = body.servers.map(({ resources: _resources, prompts: _prompts, ...server }) => server)
  const whole: Readonly<Record<string, unknown>> = { ...body, tools, servers }
  return new Map(
    Object.entries<MemberParts<unknown> | null>(PARTS).flatMap(([name, parts]) =>
      parts ? [[parts.kind, parts.byName(whole[name])] as const] : [],
    ),
  )
}

/** What a publisher does with a bundle: it decides, or is tried beside what does; or its trial ends. */
export const PUBLISHINGS = ["pointer", "candidate", "withdrawal"] as const
export type Publishing = (typeof PUBLISHINGS)[number]

/**
 * `typ` of each one's JWS. So no other token of a publisher's key is accepted as one (RFC 8725, section 3.11), and a
 * candidate can never be taken for the live bundle, nor the reverse.
 */
export const PUBLICATION_TYPES: Readonly<Record<Publishing, string>> = {
  pointer: "narrowgate-pointer+jwt",
  candidate: "narrowgate-candidate+jwt",
  withdrawal: "narrowgate-withdrawal+jwt",
}

/** `typ` of a publisher's request for the history of publications. */
export const HISTORY_TYPE = "narrowgate-history+jwt"

/** `typ` of the statement by which the first operator claims a deployment. */
export const CLAIM_TYPE = "narrowgate-claim+jwt"

/** What KV holds under `pointer`, as the payload of a JWS by the publisher's key. */
export interface Pointer {
  /** Grows by at least one with every publication; a smaller one is never accepted again. */
  readonly seq: number
  /** Lower-case hex SHA-256 of the body. */
  readonly digest: string
}
