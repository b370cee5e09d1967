/**
 * How a step denies. The reasons themselves stand in denial.ts, with what the evidence of each is; a reader of calls that
 * only names a reason needs none of that, nor the packages that it takes (`server/` reads calls in other services).
 */
import type { Denial } from "./denial.ts"

/** The output of a step that denies. `deny` marks a denial, so that it differs from any other output. */
export interface Denied {
  readonly denied: Denial
}

export function deny(denial: Denial): Denied {
  return { denied: denial }
}

export function isDenied(outcome: object): outcome is Denied {
  return "denied" in outcome
}
