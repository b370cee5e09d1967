/** `approvers.yaml`: the approvers, by the name of the approval. */

/** The approvers of an approval, under the name by which a remedy or a guardrail requests it. */
export interface ApprovalDefinition {
  readonly name: string
  readonly approvers: readonly Approver[]
  /** The number of different people who have to approve. */
  readonly need: number
  /** Whether the task's own user may be one of them. */
  readonly own: boolean
  /** Seconds for which a request can be answered, and an approval be used. */
  readonly life: number
  /** The number of calls that it allows. */
  readonly uses: number
}

export type Approver =
  | Approving
  /** The owner of the calling agent. */
  | { readonly kind: "owner" }
  /** The task's own user. */
  | { readonly kind: "user" }

/** One person, or everyone whose token has the group; `issuer` is the token's `iss`. */
export type Approving =
  | { readonly kind: "person"; readonly issuer: string; readonly subject: string }
  | { readonly kind: "group"; readonly issuer: string; readonly group: string }
