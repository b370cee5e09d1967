/** Whether a call was allowed or denied, as assertions for node:test and every other runner. */
import { notAllowed, notDenied } from "./verdicts.ts"

/** A decision is not the expected one. Runners show it as any other failed assertion. */
export class DecisionAssertionError extends Error {
  readonly code = "ERR_ASSERTION"

  constructor(message: string) {
    super(message)
    this.name = "AssertionError"
  }
}

export function assertAllowed(decision: unknown): void {
  check(notAllowed(decision))
}

/** @param code such as `policy_denied`. Absent: any */
export function assertDenied(decision: unknown, code?: string): void {
  check(notDenied(decision, code))
}

function check(difference: string | null): void {
  if (difference !== null) throw new DecisionAssertionError(difference)
}
