/** One task of a tree, and a token of it. */
import type { Plan, Progress } from "../guardrails/plan.ts"
import type { Grant, GrantedDetails } from "./grant.ts"

/** `pending`: a person has yet to agree; `quarantined`: frozen until one has looked. */
export type TaskStatus = "pending" | "active" | "completed" | "revoked" | "quarantined"
/** Why a task opens nothing: its status, or that its time has passed. */
export type WhyEnded = Exclude<TaskStatus, "active"> | "expired" | "idle"

export interface Task {
  /** `tsk_<ulid>`, below it `tsk_<ulid>.<n>` and so on. */
  readonly id: string
  readonly parent: string | null
  readonly agent: string
  /** Of its tokens, and of those of tasks below it: what it was opened for, by a person's consent where there was one. */
  readonly audiences: readonly string[]
  readonly purpose: string
  readonly grant: Grant
  /** The grant in scopes, for tokens and people. */
  readonly scope: string
  /** The grant as RFC 9396 details, where it was asked for in such. */
  readonly details: readonly GrantedDetails[] | null
  readonly plan: Plan | null
  /** Milliseconds without a call after which it has expired; null: as long as it lives. */
  readonly idle: number | null
  /** Milliseconds. */
  readonly openedAt: number
  /** Milliseconds; never past the parent's. */
  readonly expiresAt: number
  /** Thumbprint of the key that its tokens are bound to, where they are. */
  jkt: string | null
  status: TaskStatus
  /** What ended or froze it; null while it is active. */
  endedBy: EndedBy | null
  /** Admitted calls of this task and of those below it that count against `grant.calls`. */
  calls: number
  /** Children opened so far; numbers the next. */
  children: number
  /** Milliseconds, when the last call of it or of one below was admitted; before the first, when it was opened. */
  lastCall: number
  /** Of its plan; empty where it has none. */
  progress: Progress
}

/**
 * Its agent, done or giving up; an operator; the person who was asked; its plan, finished or left; a code or a refresh
 * token that somebody showed who should not have it.
 */
export type EndedBy = "completion" | "abort" | "operator" | "rejection" | "plan" | "deviation" | "misuse"

export interface IssuedToken {
  readonly task: string
  /** Milliseconds. */
  readonly expiresAt: number
  /** Thumbprint (RFC 7638) of the key that it is bound to. */
  readonly jkt: string | null
}
