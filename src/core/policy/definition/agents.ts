/** `agents.yaml`: agents with what proves them and what they may do at most, and the purposes of their tasks. */
import type { Plan } from "../../guardrails/plan.ts"
import type { ExactClaims } from "./claims.ts"
import type { GrantDefinition } from "./grant.ts"
import type { KeySource } from "./keys.ts"

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
  /** It sends people here with their browser, to consent (authorization code); absent: it does not. */
  readonly client?: ClientDefinition
}

/** How an agent asks a person who is at their browser; one of `redirect_uris` and `metadata` is there. */
export interface ClientDefinition {
  /** Where codes may be sent. */
  readonly redirect_uris?: readonly string[]
  /** Its id is the URL of a Client ID Metadata Document, which says that, and by which keys it proves itself. */
  readonly metadata?: true
  /**
   * When it comes for its token it proves who it is, as for any other; `none`: a program on people's machines, which can
   * keep no secret.
   */
  readonly authentication: "identity" | "none"
}

export interface OpeningLimits {
  /** At most so many alive at once. */
  readonly live: number
  /** At most so many opened in any minute. */
  readonly per_minute: number
}

export interface PurposeDefinition {
  readonly name: string
  /** In plain words, for whoever is asked for their consent. */
  readonly description?: string
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
