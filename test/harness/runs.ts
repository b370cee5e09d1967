/** How often properties of the guardrails run: as they say themselves, or so many times that (`GUARDRAIL_RUNS`). */
import { inject } from "vitest"

export function runsOf(usually: number): number {
  return Math.round(usually * inject("guardrailRuns"))
}

/** Milliseconds that a property may take that usually takes so much at most. */
export function longerBy(usually: number): number {
  return usually * Math.max(1, inject("guardrailRuns"))
}

/** From 1: one for each time that something is done. */
export function times(usually: number): readonly number[] {
  return Array.from({ length: runsOf(usually) }, (_, index) => index + 1)
}
