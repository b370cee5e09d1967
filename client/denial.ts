/** A denial as a value, in whichever form a client delivered it. */

/** The codes of denied calls; a newer Narrowgate may have more. */
export type DenialCode =
  | "missing_token"
  | "invalid_token"
  | "step_up_required"
  | "insufficient_scope"
  | "policy_denied"
  | "unknown_tool"
  | "unknown_method"
  | "unknown_gateway"
  | "budget_exhausted"
  | "sequence_denied"
  | "approval_required"
  | "loop_detected"
  | "deviation"
  | "tool_changed"
  | "rate_limited"
  | "malformed_call"
  | "unavailable"
  | (string & {})

export interface Denial {
  readonly code: DenialCode
  /** A sentence or more, in English: what is wrong. */
  readonly description: string
  /** The tool whose call it was, if the answer names it: those to clients of MCP do. */
  readonly tool?: string
  /** The id of the decision record, which `narrowgate explain` explains. */
  readonly decision?: string
  /** Seconds after which the same call may be tried again; absent: waiting does not help, or for how long is unknown. */
  readonly retryAfter?: number
  /** Of `insufficient_scope`: what the token of a task needs to cover the call, beside what it has. */
  readonly scope?: string
  /** Of `approval_required`: where people decide on the call. */
  readonly approval?: Approval
  /** Of `step_up_required`: what login is needed. */
  readonly stepUp?: StepUp
}

export interface Approval {
  readonly id: string
  /** The id of the task whose call it is. */
  readonly task: string
  readonly status: "pending" | "approved" | "rejected"
  /** The page where people decide. It carries no authority, and may be public. */
  readonly url: string
  /** The approval's name in approvers.yaml; null: any operator decides. */
  readonly name?: string | null
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number
}

/** RFC 9470: what the next session of the user must have. */
export interface StepUp {
  readonly acrValues?: readonly string[]
  /** The most seconds since the login. */
  readonly maxAge?: number
}
