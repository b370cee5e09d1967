/** What follows where a call does not keep to a guardrail or to a plan. */

/**
 * The call is denied, and its task goes on, is frozen until a person looks, or ends with all below it. Or it is denied
 * until a person has approved of just this call.
 */
export const CONSEQUENCES = ["deny", "approve", "quarantine", "revoke"] as const
export type Consequence = (typeof CONSEQUENCES)[number]

/** Of a plan: what the work is made of is no question of a single call. */
export const PLAN_CONSEQUENCES = ["deny", "quarantine", "revoke"] as const
export type PlanConsequence = (typeof PLAN_CONSEQUENCES)[number]
