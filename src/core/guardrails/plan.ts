/**
 * The plan of a purpose: the calls that its work is made of, in order or not, each so many times at most. A call that
 * the plan does not have, or not now, is a deviation; a plan of which nothing is left is finished. Pure: the ledger
 * keeps the progress and makes it durable.
 */
import { patternCovers } from "../catalog/pattern.ts"
import type { PlanConsequence } from "../denials/terms/consequence.ts"

export interface PlanStep {
  /** Tool patterns, any of which is this step. */
  readonly tools: readonly string[]
  /** Calls of it, at most. */
  readonly times: number
}

export interface Plan {
  /** A step begins only once the one before it was called, and none comes back. */
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

/** The progress with one more call of a tool; null where the plan has no place for it now. */
export function advance(plan: Plan, progress: Progress, tool: string): Progress | null {
  const fitting = openSteps(plan, progress).filter((index) => covers(plan.steps[index], tool))
  // Without an order the step that names the tool goes first: a wider one may still be needed for another.
  const named = plan.ordered ? undefined : fitting.find((index) => plan.steps[index]?.tools.includes(tool))
  const step = named ?? fitting[0]
  return step === undefined ? null : progress.map((calls, index) => (index === step ? calls + 1 : calls))
}

/** Nothing of it is left to call. */
export function isFinished(plan: Plan, progress: Progress): boolean {
  return openSteps(plan, progress).length === 0
}

/** Tool patterns that may come next. */
export function expected(plan: Plan, progress: Progress): readonly string[] {
  return openSteps(plan, progress).flatMap((index) => plan.steps[index]?.tools ?? [])
}

/** Whether it has a place for the tool, now or once other steps have been called. */
export function mayStillCome(plan: Plan, progress: Progress, tool: string): boolean {
  const current = plan.ordered ? progress.findLastIndex((calls) => calls > 0) : 0
  return plan.steps.some((step, index) => index >= current && (progress[index] ?? 0) < step.times && covers(step, tool))
}

/** Indices of the steps that a call may be of now, the earliest first. */
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
