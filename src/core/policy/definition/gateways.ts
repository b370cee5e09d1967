/** `gateways.yaml`: the clients of our decisions, as gateways in front of an upstream or for advice. */
import type { OwnAlgorithm } from "../../keys/algorithm.ts"

/**
 * The differences between dialects that are known before any request: the policy compiler and `narrowgate init` read
 * them.
 */
export interface DialectTraits {
  /** Its configuration in the documentation forwards request bodies, so arguments in a body are known. */
  readonly body: boolean
  /** Its configuration sets a request id of the gateway's own, so a gateway's retry counts once. */
  readonly requestId: boolean
  /** Its configuration gives the client of a denial the status of `X-Narrowgate-Status`, 200 too. */
  readonly restatesStatus: boolean
  /** Its configuration serves the metadata of what is behind it at the gateway's own origin (RFC 9728). */
  readonly servesMetadata: boolean
  /** Its configuration cuts lists of MCP servers down to what the caller may use. */
  readonly filtersLists: boolean
  /**
   * Members of an entry that this dialect cannot honour: why not, and what to write instead. `body: true` of a gateway
   * that forwards none would have each call judged as one without arguments.
   */
  readonly rejects?: Partial<
    Record<"body" | "request_id_header" | "asserts" | "denials", readonly [message: string, fix: string]>
  >
}

const FORWARDS_NO_BODY = [
  "its configuration forwards no bodies, so arguments in them would count as absent",
  "Write `body: false`, or put another gateway in front of these tools.",
] as const

/** One entry for each dialect; how its requests are read is a row of `src/gateway/dialects/dialects.ts`. */
export const DIALECTS = {
  envoy: { body: true, requestId: true, restatesStatus: true, servesMetadata: true, filtersLists: true },
  nginx: { body: false, requestId: true, restatesStatus: true, servesMetadata: true, filtersLists: false },
  "ingress-nginx": {
    body: false,
    requestId: false,
    restatesStatus: false,
    servesMetadata: true,
    filtersLists: false,
    rejects: { body: FORWARDS_NO_BODY },
  },
  traefik: { body: true, requestId: false, restatesStatus: false, servesMetadata: true, filtersLists: false },
  caddy: {
    body: false,
    requestId: true,
    restatesStatus: false,
    servesMetadata: true,
    filtersLists: false,
    rejects: { body: FORWARDS_NO_BODY },
  },
  haproxy: { body: true, requestId: true, restatesStatus: true, servesMetadata: true, filtersLists: false },
  apache: {
    body: false,
    requestId: true,
    restatesStatus: false,
    servesMetadata: true,
    filtersLists: false,
    rejects: { body: FORWARDS_NO_BODY },
  },
  apisix: { body: true, requestId: false, restatesStatus: false, servesMetadata: true, filtersLists: false },
  kong: {
    body: true,
    requestId: false,
    restatesStatus: false,
    servesMetadata: true,
    filtersLists: false,
    rejects: {
      request_id_header: [
        "all headers that Kong's OPA plugin tells are its client's: with an id of its own, it calls for free",
        "Leave it out: each question counts.",
      ],
      asserts: [
        "all headers that Kong's OPA plugin tells are its client's: none says what Kong has seen",
        "Leave it out, or ask as `apisix` from `pre-function` (docs/guides/gateways/kong.md).",
      ],
    },
  },
  agentgateway: { body: true, requestId: false, restatesStatus: false, servesMetadata: false, filtersLists: false },
  aws: {
    body: false,
    requestId: true,
    restatesStatus: false,
    servesMetadata: true,
    filtersLists: false,
    rejects: { body: FORWARDS_NO_BODY },
  },
  /** The words of AuthZEN's Authorization API (src/gateway/authzen). */
  authzen: {
    body: true,
    requestId: true,
    restatesStatus: false,
    servesMetadata: false,
    filtersLists: false,
    rejects: {
      denials: ["a client of AuthZEN makes the answer to its own client, from `context`", "Leave it out."],
    },
  },
  /** RPC over a service binding (src/gateway/rpc.ts). */
  worker: {
    body: true,
    requestId: false,
    restatesStatus: true,
    servesMetadata: true,
    filtersLists: true,
    rejects: {
      request_id_header: [
        "a Worker names its own request id, and the headers that it passes on are its client's",
        "Leave it out, and give `requestId` with the call.",
      ],
    },
  },
} as const satisfies Readonly<Record<string, DialectTraits>>

export type DialectName = keyof typeof DIALECTS
export const DIALECT_NAMES: readonly DialectName[] = Object.keys(DIALECTS).filter(isDialectName)

function isDialectName(name: string): name is DialectName {
  return Object.hasOwn(DIALECTS, name)
}

/** Regions in which Cloudflare can create an object. */
export const LOCATIONS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "oc", "afr", "me"] as const
export type Location = (typeof LOCATIONS)[number]

/** Drafts that an entry may ask for by name: each may change or go with any version. */
export const EXPERIMENTS = ["structured-denials"] as const
export type Experiment = (typeof EXPERIMENTS)[number]

/** `granted`: what the token covers. `obtainable`: also what the agent can obtain by requesting more scope. */
export const LIST_FILTERS = ["granted", "obtainable"] as const
export type ListFilter = (typeof LIST_FILTERS)[number]

export interface GatewayDefinition {
  readonly id: string
  readonly dialect: DialectName
  /** Lower-case hex SHA-256 of each key it may present. */
  readonly key_sha256: readonly string[]
  /**
   * Public origins it serves, the first being the default: DPoP `htu` and routes are compared with these, never with a
   * raw Host.
   */
  readonly origins: readonly string[]
  /** `aud` of the delegation tokens accepted behind it. */
  readonly audience: string
  readonly environment: string
  /** Where it is: ledgers are created near it. Absent: near the client that opens the first task. */
  readonly location?: Location
  /** `observe`: decide and record, but let every call through. */
  readonly mode: "enforce" | "observe"
  /** It forwards the whole request body. */
  readonly body: boolean
  /**
   * The body of a denied message to an MCP server. `mcp`: what an MCP client takes for the server's own answer, which
   * the gateway passes on with the status of `X-Narrowgate-Status`.
   */
  readonly denials: "http" | "mcp"
  /** `structured-denials`: SEP-2643 (src/gateway/structured-denial.ts), which needs `denials: mcp`. Absent: none. */
  readonly experimental?: readonly Experiment[]
  /** It passes a signed Transaction Token on to the upstream. Absent: none is made. */
  readonly transaction_tokens?: {
    /** `aud` of them: the trust domain behind the gateway, never an `audience` of delegation tokens. */
    readonly audience: string
    readonly algorithm: OwnAlgorithm
  }
  /** Facts about the client, in headers that it sets itself and overwrites. Absent: none. */
  readonly asserts?: {
    /** Header with the country of the client, ISO 3166-1 alpha-2. */
    readonly country?: string
    /** Header with the client's IP address, the first if there are several. */
    readonly client_ip?: string
  }
  /** It allows CORS preflights without a token, because no browser sends one with them. */
  readonly preflights?: true
  /** It reports when a call that it allowed has ended (`POST /v1/calls/:id/settle`). */
  readonly settles?: true
  /** It serves the metadata of its MCP servers at its own origin (RFC 9728). Absent: Narrowgate alone does. */
  readonly serves_metadata?: true
  /** What it leaves in a server's lists, by `POST /v1/tools/filter`. Absent: everything. */
  readonly filters_lists?: ListFilter
  /** Header with a request id that it sets itself and overwrites. Absent: each request counts. */
  readonly request_id_header?: string
}

/**
 * A client that may query policy (AuthZEN, src/gateway/authzen), and gets advice alone. It is no gateway, so that
 * nothing that a gateway may do is open to it.
 */
export interface QueryClient {
  readonly id: string
  /** Lower-case hex SHA-256 of each key that it may present. */
  readonly key_sha256: readonly string[]
  /** The Cedar type of a type that it names differently; any other is the Cedar type of that very name. */
  readonly types: Readonly<Record<string, string>>
  /** The Cedar type of its actions. */
  readonly action_type: string
  /** The id of an action that it names differently; any other is the action of that very name. */
  readonly actions: Readonly<Record<string, string>>
}
