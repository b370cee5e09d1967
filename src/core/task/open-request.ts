/** What a token request asks of the ledger: a new task, a child, one more token, or a fresher session. */
import type { UserFacts } from "../policy/principals.ts"
import type { RequestedGrant, GrantReduction } from "./grant.ts"
import type { Task } from "./task.ts"

export interface OpenRequest {
  /** The agent that proved its identity. */
  readonly agent: string
  /** Present for a root task only; a child has its tree's. */
  readonly user: UserFacts | null
  /** Milliseconds; the user's session ends then. */
  readonly sessionExpiresAt: number | null
  /** Milliseconds, when the session, or where there is none the agent's own authority, was given. */
  readonly since: number
  /**
   * A delegation token of this tree as subject; with the key that signed a hand-over of it to this agent and its key.
   */
  readonly parent: { readonly task: string; readonly token: string; readonly handedOverBy: string | null } | null
  /** A live task of this agent and user, to which the session is a fresher one. */
  readonly task: string | null
  readonly purpose: string | null
  readonly asked: RequestedGrant
  /** What may be asked for at most, by each of these. */
  readonly caps: readonly RequestedGrant[]
  /** Who has consented to it: `user`, where the person it is for has. */
  readonly approvals: readonly string[]
  /** The task that the person consented to, as they were shown it, and how many milliseconds it may live. */
  readonly shown?: { readonly task: Task; readonly life: number }
  /** What the person has left of it; absent: all. */
  readonly kept?: GrantReduction
  /** What policy lets the person delegate cannot be asked yet. */
  readonly isPreview?: boolean
  /** Of the token to be issued (RFC 8707): one that the task was opened for, or is to be opened for. */
  readonly audience: string
  /** Thumbprint of the key that the agent proved. */
  readonly jkt: string | null
  /** `jti` of the token to be issued. */
  readonly token: string
}
