/** `approvers.yaml`: who is asked for approvals, by their names. */

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
