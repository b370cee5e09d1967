/** The consequences of breaking a guardrail or a plan. */

/**
 * The call is denied and its task continues, is quarantined until an operator releases it, or ends with all tasks below
 * it. Or the call is denied until a person has approved exactly this call.
 */
export const CONSEQUENCES = ["deny", "approve", "quarantine", "revoke"] as const
export type Consequence = (typeof CONSEQUENCES)[number]

/** The consequences of a plan: what the work consists of cannot be approved call by call. */
export const PLAN_CONSEQUENCES = ["deny", "quarantine", "revoke"] as const
export type PlanConsequence = (typeof PLAN_CONSEQUENCES)[number]
