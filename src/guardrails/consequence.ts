/** What follows where a call does not keep to a guardrail or to a plan. */

/** The call is denied, and its task goes on, is frozen until a person looks, or ends with all below it. */
export const CONSEQUENCES = ["deny", "quarantine", "revoke"] as const
export type Consequence = (typeof CONSEQUENCES)[number]
