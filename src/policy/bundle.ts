/**
 * The bundle: one compiled, immutable, content-addressed version of `policies/` (DESIGN §1, §7).
 * The CLI writes it, the Worker only reads it. Its digest is the SHA-256 of its bytes; whoever changes a field here
 * changes FORMAT, so that old code refuses a bundle it would misread.
 */
import type { OwnAlgorithm } from "../credential/algorithm.ts"
import type { RouteDefinition } from "../catalog/route.ts"
import type { McpServer } from "../catalog/mcp-server.ts"
import type { Tool, Sensitivity } from "../catalog/tool.ts"
import type { Guardrail } from "../guardrails/definition.ts"
import type { Plan } from "../guardrails/plan.ts"
import type { ArgumentBounds } from "../catalog/bounds.ts"
import type { EventName as NoticeName } from "../outbound/events.ts"
import type { EffectName, EventName, Level } from "../signals/events.ts"
import type { ValueFormat } from "../signals/subject.ts"
import type { LoweredRule, StoredEntity } from "./lowered.ts"

export const FORMAT = 10

export interface BundleBody {
  readonly format: typeof FORMAT
  readonly rules: readonly LoweredRule[]
  readonly entities: readonly StoredEntity[]
  readonly tools: readonly Tool[]
  readonly routes: readonly RouteDefinition[]
  readonly servers: readonly McpServer[]
  readonly agents: readonly AgentDefinition[]
  readonly purposes: readonly PurposeDefinition[]
  readonly issuers: readonly IssuerDefinition[]
  readonly gateways: readonly GatewayDefinition[]
  readonly queries: readonly QueryClient[]
  readonly operators: readonly OperatorDefinition[]
  readonly streams: readonly StreamDefinition[]
  readonly receivers: readonly ReceiverDefinition[]
  readonly guardrails: readonly Guardrail[]
  readonly approvals: readonly ApprovalDefinition[]
  /** Who is meant by an owner of an agent, where approvals ask for them. */
  readonly owners: Readonly<Record<string, readonly Approving[]>>
}

/** What a publisher does with a bundle: it decides, or is tried beside what does; or its trial ends. */
export const PUBLISHINGS = ["pointer", "candidate", "withdrawal"] as const
export type Publishing = (typeof PUBLISHINGS)[number]

/**
 * `typ` of each one's JWS: no other token of a publisher's key can pass for one (RFC 8725 3.11), and what is only tried
 * can never be taken for what decides, nor the other way round.
 */
export const PUBLICATION_TYPES: Readonly<Record<Publishing, string>> = {
  pointer: "narrowgate-pointer+jwt",
  candidate: "narrowgate-candidate+jwt",
  withdrawal: "narrowgate-withdrawal+jwt",
}

/** `typ` of a publisher's question what was published so far. */
export const HISTORY_TYPE = "narrowgate-history+jwt"

/** What KV holds under `pointer`, as the payload of a JWS by the publisher's key. */
export interface Pointer {
  /** Grows by at least one with every publish; a smaller one is never accepted again. */
  readonly seq: number
  /** Lower-case hex SHA-256 of the body. */
  readonly digest: string
}

/** At most this much: the shape of every grant (ceiling, purpose, default). */
export interface GrantDefinition {
  /** Scopes, `<pattern>:<action>`. */
  readonly tools: readonly string[]
  readonly max_sensitivity: Sensitivity
  readonly arguments: ArgumentBounds
  /** Environments of gateways where it holds; absent: all. */
  readonly environments?: readonly string[]
  /** Calls the task may make in all; absent: unlimited. */
  readonly calls?: number
}

export interface AgentDefinition {
  /** A SPIFFE ID, which its JWT-SVID proves; or another URI, which one of `identities` proves. */
  readonly id: string
  /** Other proofs that it is this agent; absent: its JWT-SVID alone. */
  readonly identities?: readonly IdentityDefinition[]
  readonly owner: string
  readonly groups: readonly string[]
  /** Audiences that its tokens may be for; absent: any gateway's. */
  readonly audiences?: readonly string[]
  readonly ceiling: GrantDefinition
  /** Purposes by name; the first is the default. */
  readonly purposes: readonly string[]
  /** Agents to which it may hand part of a task. */
  readonly delegates_to: readonly string[]
  /** Deepest level of sub-agents below a task of its own; 0: none. */
  readonly depth: number
  /** Longest life of a delegation token, seconds. */
  readonly life: number
  /** Task trees of its own, for one user each. */
  readonly trees: OpeningLimits
  /** Tokens are issued only against a proven key (DPoP). */
  readonly bound_key: boolean
}

export interface OpeningLimits {
  /** At most so many alive at once. */
  readonly live: number
  /** At most so many opened in any minute. */
  readonly per_minute: number
}

export interface PurposeDefinition {
  readonly name: string
  /** The most that a task of this purpose may do. */
  readonly grant: GrantDefinition
  /** Scopes granted where the request names none; absent: all of `grant.tools`. */
  readonly default?: readonly string[]
  /** Life of the task, seconds. */
  readonly life: number
  /** Seconds without a call after which the task has expired; absent: as long as it lives. */
  readonly idle?: number
  /** The calls that its work is made of; absent: any that the grant covers. */
  readonly plan?: Plan
  /** `required`: no task of this purpose without a user behind it. */
  readonly user: "required" | "optional"
}

/** What proves an agent's identity beside a JWT-SVID. */
export type IdentityDefinition =
  /** A token of an issuer of workloads, with exactly this subject and these claims. */
  | {
      readonly kind: "workload"
      /** `id` of an issuer with `workloads`. */
      readonly issuer: string
      readonly subject: string
      readonly claims: ExactClaims
    }
  /** An assertion that it signs itself (RFC 7523 2.2, `private_key_jwt`). */
  | { readonly kind: "private_key_jwt"; readonly keys: KeySource; readonly algorithms: readonly string[] }

/** Where public keys come from. */
export type KeySource =
  | { readonly kind: "jwks_uri"; readonly uri: string }
  /** Of a SPIFFE trust domain (SPIFFE Trust Domain and Bundle 4). */
  | { readonly kind: "spiffe_bundle"; readonly uri: string }
  /** OpenID Connect Discovery, below the issuer's URL. */
  | { readonly kind: "discovery" }
  | { readonly kind: "inline"; readonly jwks: { readonly keys: readonly Record<string, unknown>[] } }

/** Claims with the very value that each must have; of a nested claim those of its members that are named. */
export interface ExactClaims {
  readonly [claim: string]: string | number | boolean | ExactClaims
}

/** Names from the outside in. */
export type ClaimPath = readonly [string, ...string[]]

/** Where facts about a person stand: a claim's name, or the way to it through nested claims. */
export interface PersonClaims {
  /** What names the person: one that all kinds of token of the issuer share. */
  readonly subject: ClaimPath
  readonly groups: ClaimPath
  readonly acr: ClaimPath
  readonly auth_time: ClaimPath
}

export interface IssuerDefinition {
  readonly id: string
  /** Exact `iss`; for a SPIFFE trust domain, whose JWT-SVIDs need no `iss`, absent. */
  readonly issuer?: string
  readonly keys: KeySource
  readonly algorithms: readonly string[]
  /** Its tokens may stand for a user. */
  readonly users?: {
    /** Audiences of access tokens made for us. */
    readonly audiences: readonly string[]
    /** Clients (`azp`/`client_id`, `aud` of ID tokens) whose sessions are taken. */
    readonly clients: readonly string[]
    readonly access_token: {
      /** Header `typ` of its access tokens; `none`: they have none. */
      readonly type: "at+jwt" | "JWT" | "none"
      /** Claim that names the client it was issued to. */
      readonly client_claim: string
      /** Claims that must have exactly this value. */
      readonly require: ExactClaims
      /** Claims that it must not have: what marks the token of an app itself, without a person. */
      readonly absent: readonly string[]
    }
    readonly id_token: { readonly require: ExactClaims }
    readonly claims: PersonClaims
  }
  /**
   * It may assert to us who works on whose behalf (ID-JAG, draft-ietf-oauth-identity-assertion-authz-grant): the
   * session itself stays where it is.
   */
  readonly assertions?: {
    /** Agent by the `client_id` that the issuer knows it by; any other `client_id` is the agent's own id. */
    readonly clients: Readonly<Record<string, string>>
    /** Claims that must have exactly this value; the only way in which a `tenant` is accepted. */
    readonly require: ExactClaims
    readonly claims: PersonClaims
    /**
     * How long the person's session is taken to last, seconds from `iat`: an assertion says when it ends itself, not
     * that.
     */
    readonly life: number
  }
  /** Its tokens stand for workloads (GitHub Actions, Kubernetes …): which, the agents' `identities` say. */
  readonly workloads?: Readonly<Record<string, never>>
  /** A token is exchanged once (by its `jti`). */
  readonly single_use?: boolean
  /** Longest that a token of it may be made for, seconds; absent: what is fit for its kind. */
  readonly max_life?: number
  /** Its JWT-SVIDs stand for workloads of this SPIFFE trust domain. */
  readonly trust_domain?: string
  /**
   * Its access tokens may stand for operators: those for our own URL, given to one of these clients, none of which may
   * be one of `users.clients`. The token that a person's app hands to an agent must not manage.
   */
  readonly operators?: { readonly clients: readonly string[] }
  /** Its people may sign in to our own pages (src/sign-in). */
  readonly sign_in?: {
    /** Our client there, one of `operators.clients`. */
    readonly client: string
    readonly scope: string
    /** The parameter that asks it for an access token for our URL. */
    readonly resource: "resource" | "audience" | "none"
  }
}

/** `authzen`: it asks in AuthZEN's words (src/authzen). `worker`: by RPC over a service binding (src/rpc.ts). */
export const DIALECTS = [
  "envoy",
  "nginx",
  "ingress-nginx",
  "traefik",
  "caddy",
  "haproxy",
  "apache",
  "apisix",
  "kong",
  "agentgateway",
  "aws",
  "authzen",
  "worker",
] as const
export type DialectName = (typeof DIALECTS)[number]

export interface GatewayDefinition {
  readonly id: string
  readonly dialect: DialectName
  /** Lower-case hex SHA-256 of each key it may present. */
  readonly key_sha256: readonly string[]
  /**
   * Public origins it serves, the first being the default: DPoP `htu` and routes are judged by these, never by a raw
   * Host.
   */
  readonly origins: readonly string[]
  /** `aud` of the delegation tokens accepted behind it. */
  readonly audience: string
  readonly environment: string
  /** `observe`: decide and record, but let every call through. */
  readonly mode: "enforce" | "observe"
  /** It forwards the whole request body. */
  readonly body: boolean
  /** It passes a signed Transaction Token on to what is behind it; absent: none is made. */
  readonly transaction_tokens?: {
    /** `aud` of them: the trust domain behind the gateway, never an `audience` of delegation tokens. */
    readonly audience: string
    readonly algorithm: OwnAlgorithm
  }
  /** What it tells of the client, in headers that it sets itself and overwrites; absent: nothing. */
  readonly asserts?: {
    /** Header with the country of the client, ISO 3166-1 alpha-2. */
    readonly country?: string
    /** Header with the client's IP address, the first where there are several. */
    readonly client_ip?: string
  }
  /** It lets CORS preflights through without a token, which no browser sends with one. */
  readonly preflights?: true
  /** It tells when a call that it let through has ended (`POST /v1/calls/:id/settle`). */
  readonly settles?: true
  /** Header with a request id that it sets itself and overwrites; absent: each ask counts. */
  readonly request_id_header?: string
}

/**
 * Who may ask what policy says (AuthZEN, src/authzen), and gets advice alone: it stands before nothing, and is no
 * gateway, so that nothing which opens to a gateway opens to it.
 */
export interface QueryClient {
  readonly id: string
  /** Lower-case hex SHA-256 of each key that it may present. */
  readonly key_sha256: readonly string[]
  /** The Cedar type of a type that it names otherwise; any other is the Cedar type of that very name. */
  readonly types: Readonly<Record<string, string>>
  /** The Cedar type of its actions. */
  readonly action_type: string
  /** The id of an action that it names otherwise; any other is the action of that very name. */
  readonly actions: Readonly<Record<string, string>>
}

/** Each may all that those before it may, as far as roles go. */
export const ROLES = ["viewer", "approver", "operator"] as const
export type Role = (typeof ROLES)[number]

export interface OperatorDefinition {
  /** `id` of an issuer with `operators: true`. */
  readonly issuer: string
  readonly subject: string
  readonly roles: readonly Role[]
}

/** A stream of Security Event Tokens that a transmitter pushes to us (RFC 8935, src/signals). */
export interface StreamDefinition {
  readonly id: string
  /** Exact `iss` of its tokens. */
  readonly issuer: string
  /** `aud` that we have in it, one of which is in each token; with `issuer` it says which stream a token is of. */
  readonly audiences: readonly string[]
  readonly keys: KeySource
  readonly algorithms: readonly string[]
  /** Lower-case hex SHA-256 of each bearer key that its transmitter may present; none: it need not. */
  readonly key_sha256: readonly string[]
  /** What it may tell of; verification and updates of the stream besides. */
  readonly events: readonly EventName[]
  readonly about: {
    /** People of these issuers, by `id`; `by`: which formats of subject name one as the issuer's `claims.subject` does. */
    readonly users: readonly { readonly issuer: string; readonly by: readonly ValueFormat[] }[]
    /** Agents' ids; `*`: all that are registered. */
    readonly agents: readonly string[]
    /** Signing keys of ours. */
    readonly keys: boolean
  }
  /** Other effects than the usual ones. */
  readonly effects: Readonly<Partial<Record<EventName, EffectName>>>
  /** What each level counts for, 0 to 100, and the seconds in which half of it is gone. */
  readonly risk: Readonly<Record<Level, number>> & { readonly half_life: number }
  /** `observe`: verify and record, but change nothing. */
  readonly mode: "enforce" | "observe"
}

/** Whom we tell what happens (src/outbound), by HTTP; its secret is the Worker's to know, by this `id`. */
export type ReceiverDefinition = { readonly id: string; readonly events: readonly NoticeName[] } & (
  | (ReadByPeople & {
      /** Signed as Standard Webhooks has it. */
      readonly format: "standard"
      readonly url: string
    })
  /** To a chat's incoming webhook: whoever knows the address can post there, so it is the secret. */
  | (ReadByPeople & { readonly format: "slack" })
  | {
      /** Security Event Tokens, pushed as RFC 8935 has it. */
      readonly format: "set"
      readonly url: string
      /** `aud` of them: what the receiver calls itself, never an audience of delegation tokens. */
      readonly audience: string
      /** It wants a bearer key, its secret (RFC 8935 3). */
      readonly bearer: boolean
    }
)

interface ReadByPeople {
  /** Of questions about calls those by these names of approvers.yaml; absent: all. */
  readonly approvals?: readonly string[]
  /** It is told a call's arguments, but for what the catalog redacts. */
  readonly arguments: boolean
}

/** Whom an approval is asked of, by the name that a remedy or a guardrail calls it. */
export interface ApprovalDefinition {
  readonly name: string
  readonly approvers: readonly Approver[]
  /** Different people that have to say yes. */
  readonly need: number
  /** Whether the task's own user may be one of them. */
  readonly own: boolean
  /** Seconds that a question can be answered, and the answer be used. */
  readonly life: number
  /** Calls that it lets pass. */
  readonly uses: number
}

export type Approver =
  | Approving
  /** Whoever owns the agent that calls. */
  | { readonly kind: "owner" }
  /** The task's own user. */
  | { readonly kind: "user" }

/** One person, or those in whose token the group is; `issuer` is the `iss` of it. */
export type Approving =
  | { readonly kind: "person"; readonly issuer: string; readonly subject: string }
  | { readonly kind: "group"; readonly issuer: string; readonly group: string }
