/** What a token request asks of the ledger: a new task, a child, one more token, or a fresher session. */
import type { UserFacts } from "../policy/principals.ts"
import type { RequestedGrant, GrantReduction } from "./grant.ts"
import type { Partition } from "./home.ts"
import type { Task } from "./task.ts"

export interface OpenRequest {
  /** The authenticated agent. */
  readonly agent: string
  /** Present for a root task only; a child has its tree's user. */
  readonly user: UserFacts | null
  /** Milliseconds since the epoch, when the user's session ends. */
  readonly sessionExpiresAt: number | null
  /** To which the provider issued the session. Null if there is none, or the user has consented at our own pages. */
  readonly sessionClient: string | null
  /** Milliseconds since the epoch, when the session began, or the agent's own authority if there is no session. */
  readonly since: number
  /**
   * A delegation token of this tree as subject, with the key that signed its hand-over to this agent and the agent's
   * key.
   */
  readonly parent: { readonly task: string; readonly token: string; readonly handedOverBy: string | null } | null
  /** A live task of this agent and user that receives a fresher session. */
  readonly task: string | null
  readonly purpose: string | null
  readonly asked: RequestedGrant
  /** Limits of the request; each of them applies. */
  readonly caps: readonly RequestedGrant[]
  /** Who has consented to it: `user` if the person whom it is for has. */
  readonly approvals: readonly string[]
  /** The task that the person consented to, as they saw it, and how many milliseconds it may live. */
  readonly shown?: { readonly task: Task; readonly life: number }
  /** What the person's consent leaves of it. Absent: all. */
  readonly kept?: GrantReduction
  /** The person has not answered yet, so policy cannot decide what they may delegate. */
  readonly isPreview?: boolean
  /**
   * Milliseconds since the epoch: it continues no task whose authority was given earlier, because switches stop such
   * authority. Absent: any.
   */
  readonly continuesFrom?: number
  /** Of a root task without a user, if the agent has more than one. */
  readonly partition?: Partition
  /** Of the token to be issued (RFC 8707): an audience for which the task was, or is to be, opened. */
  readonly audience: string
  /** Thumbprint of the key that the agent proved. */
  readonly jkt: string | null
  /** `jti` of the token to be issued. */
  readonly token: string
}
