/**
 * How often properties run that have a long run of their own: as they say themselves, or so many times that
 * (`PROPERTY_RUNS`).
 */
import { inject } from "vitest"

export function runsOf(usually: number): number {
  return Math.round(usually * inject("runs"))
}

/** Milliseconds that a property may take that usually takes so much at most. */
export function longerBy(usually: number): number {
  return usually * Math.max(1, inject("runs"))
}

/** As much as the long run does, or the part of it that is enough for every run. */
export function shortOrLong<Value>(short: Value, long: Value): Value {
  return inject("runs") > 1 ? long : short
}

/** From 1: one for each time that something is done. */
export function times(usually: number): readonly number[] {
  return Array.from({ length: runsOf(usually) }, (_, index) => index + 1)
}
