/** `operators.yaml`: the people who manage Narrowgate, and their roles. */

/** In order: each role includes the earlier ones. */
export const ROLES = ["viewer", "approver", "operator"] as const
export type Role = (typeof ROLES)[number]

export interface OperatorDefinition {
  /** `id` of an issuer with `operators: true`. */
  readonly issuer: string
  readonly subject: string
  readonly roles: readonly Role[]
}
