/** `agents.yaml`: agents with their identities and the most that they may do, and the purposes of their tasks. */
import type { Plan } from "../../guardrails/plan.ts"
import type { ClaimPath, ExactClaims } from "./claims.ts"
import type { GrantDefinition } from "./grant.ts"
import type { KeySource } from "./keys.ts"

export interface AgentDefinition {
  /** A SPIFFE ID, which its JWT-SVID proves; or another URI, which one of `identities` proves. */
  readonly id: string
  /** Other proofs of this agent's identity. Absent: its JWT-SVID alone. */
  readonly identities?: readonly IdentityDefinition[]
  readonly owner: string
  readonly groups: readonly string[]
  /** Audiences that its tokens may be for. Absent: any gateway's. */
  readonly audiences?: readonly string[]
  readonly ceiling: GrantDefinition
  /** Purposes by name; the first is the default. */
  readonly purposes: readonly string[]
  /** Agents to which it may delegate part of a task. */
  readonly delegates_to: readonly string[]
  /** Deepest level of sub-agents below a task of its own; 0: none. */
  readonly depth: number
  /** Longest life of a delegation token, seconds. */
  readonly life: number
  /** Limits on its own task trees, for each user. */
  readonly trees: OpeningLimits
  /** Tokens are issued only against a proven key (DPoP). */
  readonly bound_key: boolean
  /** Over how many ledgers its instances are spread for what they do on nobody's behalf (core/task/home.ts). Absent: 1. */
  readonly partitions?: number
  /** It sends people here with their browser, to consent (authorization code). Absent: it does not. */
  readonly client?: ClientDefinition
}

/** Seconds. This and the next have each agent whose entry has no other, and each client that has registered itself. */
export const DEFAULT_LIFE = 300
/** Seconds, of a task: longer than a day it is a standing permission. */
export const MAX_TASK_LIFE = 86_400
export const DEFAULT_TREES = { live: 100, per_minute: 60 } as const satisfies OpeningLimits

/**
 * How an agent requests the consent of a person at their browser; it has at least one of `redirect_uris`, `metadata` and
 * `registered`.
 */
export interface ClientDefinition {
  /** Where codes may be sent. */
  readonly redirect_uris?: readonly string[]
  /** Its id is the URL of a Client ID Metadata Document, which contains its redirect URIs and its keys. */
  readonly metadata?: true
  /** It has registered itself (RFC 7591), with its redirect URIs. No agent of `agents.yaml` has this. */
  readonly registered?: true
  /**
   * `identity`: it authenticates for its token like any other agent. `none`: a program on people's machines, which can
   * keep no secret.
   */
  readonly authentication: "identity" | "none"
}

export interface OpeningLimits {
  /** The most that may be live at once. */
  readonly live: number
  /** The most that may be opened in any minute. */
  readonly per_minute: number
}

export interface PurposeDefinition {
  readonly name: string
  /** In plain words, for the people whose consent is requested. */
  readonly description?: string
  /** The most that a task of this purpose may do. */
  readonly grant: GrantDefinition
  /** Scopes granted if the request names none. Absent: all of `grant.tools`. */
  readonly default?: readonly string[]
  /** Life of the task, seconds. */
  readonly life: number
  /**
   * `refresh`: whether a fresher session extends the task within its life. `offline`: whether a user may consent that it
   * goes on without one. Absent: it ends with the session.
   */
  readonly session?: { readonly refresh?: boolean; readonly offline?: boolean }
  /** Seconds without a call after which the task expires. Absent: only its life limits it. */
  readonly idle?: number
  /** Seconds for which labels that a task of this purpose picks up are carried. Absent: what the label states. */
  readonly carry?: number
  /**
   * The platform gives each task of this purpose a fresh context. Absent: it does not, or it is unknown.
   */
  readonly isolated?: boolean
  /** The calls of its work, in order. Absent: any that the grant covers. */
  readonly plan?: Plan
  /** `required`: a task of this purpose needs a user. */
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
      /** The claim whose text distinguishes the agent's instances. Absent: nothing in the token does. */
      readonly instance?: ClaimPath
    }
  /** An assertion that it signs itself (RFC 7523, section 2.2, `private_key_jwt`). */
  | {
      readonly kind: "private_key_jwt"
      readonly keys: KeySource
      readonly algorithms: readonly string[]
      /** What the agent's assertions are for. Absent: our issuer's URL alone. */
      readonly audience?: "issuer" | "token_endpoint"
    }
