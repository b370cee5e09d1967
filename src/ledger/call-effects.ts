/** What a decision means for what lies beyond its tree: shared limits, notices, and denials that were counted before. */
import type { DecisionResult } from "../core/decision/call.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { LedgerCall } from "../core/record/visible-call.ts"
import type { Denial } from "../core/denials/denial.ts"
import type { Cause } from "../core/notices/notice.ts"
import type { TaskChange } from "../core/task/change.ts"

/** What counts that all ledgers share have lent to a change. */
export function creditOf(change: TaskChange | null) {
  return change ? change.memoryUpdates.flatMap(({ updates }) => updates.filter(({ kind }) => kind === "credit")) : []
}

export function causeOf(decision: string, denial: Denial | null): Cause {
  return { decision, operator: null, denial }
}

/** A denial that was counted already: it is not counted again, and ends no task. */
export function withoutStorm(outcome: DecisionResult): DecisionResult {
  return { ...outcome, denialUpdates: [], storm: null, end: outcome.storm ? null : outcome.end }
}

/**
 * A read's record may be lost with the memory, unless a sink says that reads do not go on without their records; what
 * changes something, or needs an approval, is durable. A record that cannot be stored then fails the step: the call is
 * denied.
 */
export function isRecordedDurably(
  { catalog, sinks }: Bundle,
  { tool }: LedgerCall,
  { verdict, end }: DecisionResult,
): boolean {
  if (catalog.tools.get(tool)?.action !== "read" || sinks.some(({ denies }) => denies.includes("read"))) return true
  return verdict.denial !== null && (verdict.denial.reason === "approval_required" || end !== null)
}

/** The call as it is recorded: with the time that its ledger has waited for others, if any. */
export function sharedWait(ask: LedgerCall, shared: number): LedgerCall {
  return shared > 0 ? { ...ask, steps: { ...ask.steps, shared } } : ask
}
