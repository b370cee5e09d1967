/** What `narrowgate/testing` gives to tests, in types that need no other package and no runtime's types. */
/// <reference lib="esnext.disposable" preserve="true" />
/** A running Narrowgate that decides by your policies, with a clock and identities that the test controls. */
export interface TestNarrowgate {
  /** The issuer's URL: what an agent is given as `issuer`, and a gateway as the authorizer's address. No slash at its end. */
  readonly url: string
  readonly clock: TestClock
  /** Opens a task as an agent does, at the token endpoint. Rejects with `TaskDenied` if Narrowgate denies it. */
  task(request: TaskRequest): Promise<TestTask>
  /**
   * Decides one call of a tool, through the gateway that stands before it: it counts, and is recorded, as any other. The
   * tool itself is not called.
   */
  call(task: TestTask, tool: string, args?: Readonly<Record<string, unknown>>, options?: CallOptions): Promise<Decision>
  /** Approves the call that the denial waits for. Rejects if this person may not. */
  approve(denial: PendingCall, options: ApprovalOptions): Promise<void>
  /** Rejects it instead. */
  deny(denial: PendingCall, options: ApprovalOptions): Promise<void>
  /** The decision records of a task, the oldest first. Waits until those of all its `call`s have arrived. */
  records(task: TestTask | string): Promise<readonly DecisionRecord[]>
  /** A session token of a user, as an app passes it to an agent. */
  session(user: User): Promise<string>
  /** What proves an agent's identity at the token endpoint: a JWT-SVID, a workload's token, or an assertion. */
  identity(agent: string): Promise<string>
  /** A person's own token, with which they manage and answer approvals (`/v1`). */
  person(user: User): Promise<string>
  /** The key with which this gateway, or query client, of gateways.yaml proves itself here. */
  gatewayKey(id: string): string
  /** Ends it, and all that belongs to it. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Narrowgate's clock. It runs as the real one does, and never goes back. */
export interface TestClock {
  now(): Promise<Date>
  /**
   * Lets time pass: tokens and approvals expire, windows of limits move on, alarms and timers that fall due on the way do
   * their work. `"10 minutes"`, `"90s"`, or milliseconds. Returns the time after it.
   */
  advance(span: string | number): Promise<Date>
}

export interface TaskRequest {
  /** The id of an agent, or what follows the last slash of it. */
  readonly agent: string
  /** Absent: the agent acts for itself. */
  readonly user?: User
  /** Absent: the agent's first. */
  readonly purpose?: string
  /** Scopes such as `mail.send:write`. Absent: the purpose's default. */
  readonly scope?: string | readonly string[]
  /** `authorization_details` (RFC 9396), instead of `scope`. */
  readonly details?: readonly object[]
  /** The task below which it is opened, whose agent delegates to this one. */
  readonly parent?: TestTask
  /** The audience of a gateway. Absent: that of the first gateway. */
  readonly audience?: string
}

export interface TestTask {
  readonly id: string
  /** The delegation token. It expires like any other, five minutes of the clock later or as agents.yaml says. */
  readonly token: string
  readonly agent: string
  readonly purpose: string
  /** What was granted. */
  readonly scope: readonly string[]
}

export interface CallOptions {
  /** `id` of a gateway. Absent: the first of gateways.yaml that stands before the tool. */
  readonly gateway?: string
  /** What the gateway asserts of the client: a country such as `DE`, an IP address. */
  readonly client?: { readonly country?: string; readonly ip?: string }
}

/** The decision on one call. */
export interface Decision {
  readonly allowed: boolean
  /** Id of the decision record. */
  readonly id: string
  /** Such as `policy_denied`. Null if the call is allowed. */
  readonly code: string | null
  /** The sentence for the agent. Null if the call is allowed, or if the gateway cannot pass it on. */
  readonly description: string | null
  /** The approval for which the call waits. Null if there is none. */
  readonly approval: { readonly task: string; readonly id: string; readonly url: string } | null
  /** Seconds. Null if it does not depend on time. */
  readonly retryAfter: number | null
  /** The answer to the gateway. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/**
 * What waits for an approval: a decision, the denial that `narrowgate/client` gives to an agent, or the URL of the
 * approval, as the denial states it.
 */
export type PendingCall = string | { readonly approval?: { readonly task: string; readonly id: string } | null }

export interface ApprovalOptions {
  /** The person who answers: by name, or with their groups and how they have logged in. */
  readonly as: User
  /** The most calls that it allows. Absent: 1. */
  readonly uses?: number
  readonly reason?: string
}

/** What the identity provider says of a user. */
export interface UserClaims {
  readonly groups?: readonly string[]
  /** How they have logged in. Absent: the provider does not say. */
  readonly acr?: string
  /** Seconds since they have logged in. Absent: they log in at this moment. */
  readonly authAge?: number
  /** `id` of an entry of issuers.yaml. Absent: the first that has users. */
  readonly issuer?: string
  /** Further claims of their tokens. */
  readonly claims?: Readonly<Record<string, unknown>>
}

/** A user by name, or with what the provider says of them. */
export type User = string | (UserClaims & { readonly subject: string })

/** A decision record; docs/reference/record-fields.md has all fields. */
export interface DecisionRecord {
  readonly id: string
  /** `call`, `exchange`, `end`, … */
  readonly kind: string
  readonly decision: string
  /** `ok`, or the code of the denial. */
  readonly code: string
  /** Why it was denied, with evidence. Null if it was allowed. */
  readonly denial: Readonly<Record<string, unknown>> | null
  readonly task: string | null
  /** The agents, the calling one last. */
  readonly chain: readonly string[]
  /** Issuer and subject, joined by `|`. Null if the agent acts for itself. */
  readonly user: string | null
  readonly tool: string | null
  readonly gateway: string | null
  readonly [field: string]: unknown
}

export interface RequestOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly redirect?: "manual"
}

/** The part of a `Response` that is the same for every runtime. */
export interface HttpResponse {
  readonly status: number
  readonly headers: {
    readonly get: (name: string) => string | null
    readonly forEach: (each: (value: string, name: string) => void) => void
  }
  readonly text: () => Promise<string>
}

export interface GatewayOptions {
  /**
   * The URL of what is behind it: it gets what is allowed, at the path that was called. Absent: `servers` are all that is
   * behind it, and anything else is answered 404.
   */
  readonly upstream?: string
  /** MCP servers that are elsewhere: the URL of each one's endpoint, by its name in catalog.yaml. */
  readonly servers?: Readonly<Record<string, string>>
  /** The origin of gateways.yaml at which it stands. Absent: its first. */
  readonly origin?: string
  /** Absent: one that is free. */
  readonly port?: number
}

/** A gateway of gateways.yaml that listens, for agents under test. */
export interface TestGateway {
  /** Where: what the agent calls, in the place of the gateway's origin. No slash at its end. */
  readonly url: string
  /** The calls that it asked about, the oldest first. */
  calls(): readonly GatewayCall[]
  /** It ends with `ng.stop()` at the latest. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export interface GatewayCall extends Decision {
  readonly method: string
  /** Path and query. */
  readonly target: string
}

/** A gateway of gateways.yaml in Cloudflare's pool, where nothing can listen: the `fetch` of an agent under test. */
export interface PoolGateway {
  /**
   * As the global `fetch`: a request to Narrowgate's own URL goes there; one to an origin of the gateway is decided as that
   * gateway asks, and answered by what is behind it, or by the denial. To any other origin it is an error.
   */
  readonly fetch: typeof fetch
  /** The calls that it asked about, the oldest first. */
  calls(): readonly GatewayCall[]
}

export interface PoolNarrowgate extends TestNarrowgate {
  /**
   * Puts a gateway of gateways.yaml before what is behind it: a function, or a service binding's `fetch`. It does not cut
   * down lists of MCP servers.
   */
  gateway(id: string, upstream: (request: Request) => Response | Promise<Response>): PoolGateway
}

export interface TestPolicies {
  /** The policy directory: a path, or a URL such as `new URL("../policies", import.meta.url)`. */
  readonly policies: string | { readonly href: string }
  /** Files of it that this test replaces: text by path, or null for a file that it leaves out. */
  readonly files?: Readonly<Record<string, string | null>>
  /** What the identity provider says of users whom tests name: groups, and how they have logged in. */
  readonly users?: Readonly<Record<string, UserClaims>>
}

export interface NarrowgateWorkerOptions extends TestPolicies {
  /** Absent: `narrowgate`. */
  readonly name?: string
  /** Its own URL, by which tokens name it. Absent: `https://narrowgate.test`. */
  readonly issuer?: string
}

/**
 * A Worker of miniflare, as the options `workers` of miniflare and of Cloudflare's pool for Vitest take it. A type alias,
 * because they take only what has an index signature.
 */
export type WorkerDefinition = {
  readonly name: string
  readonly modules: { type: "ESModule"; path: string; contents: string }[]
  readonly compatibilityDate: string
  readonly compatibilityFlags: string[]
  readonly bindings: Record<string, JsonValue>
  readonly kvNamespaces: string[]
  readonly durableObjects: Record<string, { className: string; useSQLite: true }>
}

export type JsonValue = string | number | boolean | null | JsonValue[] | { [name: string]: JsonValue }
