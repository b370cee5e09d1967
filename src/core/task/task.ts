/** One task of a tree, and a token of it. */
import type { Plan, Progress } from "../guardrails/plan.ts"
import type { Extendable } from "./extension.ts"
import type { Grant, GrantedDetails } from "./grant.ts"
import type { HistoryKey } from "../guardrails/history-key.ts"

/** `pending`: a person has not consented yet; `quarantined`: an operator has to look at it. */
export type TaskStatus = "pending" | "active" | "completed" | "revoked" | "quarantined"
/** Why a task opens nothing: its status, or that its time has passed. */
export type WhyEnded = Exclude<TaskStatus, "active"> | "expired" | "idle"

/** Bounds on the life of a task; of two that end it at the same time, the earlier one here is named. */
export type TaskLimit = "purpose_life" | "consent" | "parent" | "session"
/** Bounds on the life of a token: the `life` of its agent, its task, and the session that was last brought. */
export type TokenLimit = "agent_life" | "task" | "session"

export interface Task {
  /** See `isTaskId`. */
  readonly id: string
  readonly parent: string | null
  readonly agent: string
  /** By whom its ledger remembers what the agent does. */
  readonly historyKey: HistoryKey
  /**
   * The audiences of its tokens, and of those of tasks below it: those for which it was opened, by consent if there was
   * one.
   */
  readonly audiences: readonly string[]
  readonly purpose: string
  /** Whether its purpose was isolated when it was opened; it is then bound to a key. */
  readonly isolated: boolean
  readonly grant: Grant
  /** The grant in scopes, for tokens and people. */
  readonly scope: string
  /** The grant as RFC 9396 details. Null if neither it nor the parent's was requested in this form. */
  readonly details: readonly GrantedDetails[] | null
  readonly plan: Plan | null
  /** Milliseconds without a call after which it expires. Null if only its life limits it. */
  readonly idle: number | null
  /** Milliseconds since the epoch. */
  readonly openedAt: number
  /** What it takes of its ledger's storage (task-text.ts). */
  readonly bytes: number
  /** Milliseconds since the epoch; never later than the parent's. */
  expiresAt: number
  /** What ends it then. */
  limitedBy: TaskLimit
  /** How far fresher sessions extend it (extension.ts). Absent: none does. */
  extendable?: Extendable
  /** Whether it goes on after its user's session (offline.ts). Absent: no. */
  readonly isOffline?: true
  /** Whether a request for the same, with the same key, continues it (continuation.ts). Absent: no. */
  readonly isContinuable?: true
  /** Thumbprint of the key that its tokens are bound to. Null if they are not. */
  jkt: string | null
  status: TaskStatus
  /** What ended or quarantined it. Null while it is active. */
  endedBy: EndedBy | null
  /** Admitted calls of this task and of those below it that count against `grant.calls`. */
  calls: number
  /** The number of children opened so far; it gives the next its number. */
  children: number
  /**
   * Milliseconds since the epoch, when the last call of it or of one below was admitted; before the first, when it was
   * opened.
   */
  lastCall: number
  /** Progress of its plan. Empty if it has none. */
  progress: Progress
}

/**
 * Its agent, by completion or abort; an operator; the person who did not consent; its plan, finished or violated; or
 * the misuse of a stolen code or refresh token.
 */
export type EndedBy = "completion" | "abort" | "operator" | "rejection" | "plan" | "deviation" | "misuse"

export interface IssuedToken {
  readonly task: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
  /** Thumbprint (RFC 7638) of the key that it is bound to. */
  readonly jkt: string | null
  /** Milliseconds since the epoch. Absent: in an earlier life of its ledger. */
  readonly issuedAt?: number
  /** The scope that it opens. Absent: that of its task. */
  readonly scope?: string
}
