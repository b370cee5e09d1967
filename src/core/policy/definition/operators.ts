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

/** Whether one of an operator's roles is `required`, or includes it. */
export function hasRole(roles: readonly Role[], required: Role): boolean {
  return roles.some((role) => ROLES.indexOf(role) >= ROLES.indexOf(required))
}
