/**
 * The plan of a purpose: the calls that its work consists of, ordered or not, and how often each may be made. A call
 * that the plan does not contain, or not at this point, is a deviation; a plan with no calls left is finished. Pure:
 * the ledger stores the progress.
 */
import { patternCovers } from "../catalog/pattern.ts"
import type { PlanConsequence } from "../denials/terms/consequence.ts"

export interface PlanStep {
  /** Tool patterns; a call of any of them is this step. */
  readonly tools: readonly string[]
  /** The most calls of this step. */
  readonly times: number
}

export interface Plan {
  /** Whether a step begins only after a call of the one before it, and no earlier step comes back. */
  readonly ordered: boolean
  /** At least one. */
  readonly steps: readonly PlanStep[]
  readonly deviation: PlanConsequence
}

/** Calls made of each step so far. */
export type Progress = readonly number[]

export function newProgress({ steps }: Plan): Progress {
  return steps.map(() => 0)
}

/** Returns the progress after one more call of a tool; null if the plan has no place for it now. */
export function advance(plan: Plan, progress: Progress, tool: string): Progress | null {
  const fitting = openSteps(plan, progress).filter((index) => covers(plan.steps[index], tool))
  // In an unordered plan, a step that names the tool comes first, because a wider pattern may still be needed for
  // another tool.
  const named = plan.ordered ? undefined : fitting.find((index) => plan.steps[index]?.tools.includes(tool))
  const step = named ?? fitting[0]
  return step === undefined ? null : progress.map((calls, index) => (index === step ? calls + 1 : calls))
}

/** Returns whether no call is left. */
export function isFinished(plan: Plan, progress: Progress): boolean {
  return openSteps(plan, progress).length === 0
}

/** Returns the tool patterns that may come next. */
export function expected(plan: Plan, progress: Progress): readonly string[] {
  return openSteps(plan, progress).flatMap((index) => plan.steps[index]?.tools ?? [])
}

/** Returns whether the plan has a place for the tool, now or after other steps. */
export function mayStillCome(plan: Plan, progress: Progress, tool: string): boolean {
  const current = plan.ordered ? progress.findLastIndex((calls) => calls > 0) : 0
  return plan.steps.some((step, index) => index >= current && (progress[index] ?? 0) < step.times && covers(step, tool))
}

/** Returns the indices of the steps that a call may be of now, the earliest first. */
function openSteps({ ordered, steps }: Plan, progress: Progress): readonly number[] {
  const called = (index: number): number => progress[index] ?? 0
  const hasLeft = (index: number): boolean => called(index) < (steps[index]?.times ?? 0)
  const all = [...steps.keys()]
  if (!ordered) return all.filter(hasLeft)
  const current = all.findLast((index) => called(index) > 0)
  const candidates = current === undefined ? [0] : [current, current + 1]
  return candidates.filter(hasLeft)
}

function covers(step: PlanStep | undefined, tool: string): boolean {
  return step?.tools.some((pattern) => patternCovers(pattern, tool)) ?? false
}
