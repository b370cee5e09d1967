/**
 * What crosses between isolates and the switchboard about observations, and its version. They rest beside the switches,
 * in a table of their own: no operator lifts one, only a bundle that pins what was seen, or the server going back.
 */
import type { Observations, ToolObservation, Subject } from "../catalog/drift.ts"

/** Old object code may run for minutes beside new Worker code: what is of another version is refused, not misread. */
export const OBSERVATION_VERSION = 1

/**
 * Observations that are kept; one is some 400 bytes at most, and every lease has them all. A server makes no more of
 * them than it has pinned tools, so this many come of a catalog that is wholly out of date. Then every pinned tool is
 * denied that is not known to be as it was, and headers alone are believed of nobody.
 */
export const MAX_OBSERVATIONS = 4_096

export interface Report {
  /** `seq` of the bundle with whose pins it was compared. */
  readonly bundle: number
  /** Milliseconds, before the server was asked. */
  readonly at: number
  readonly sightings: readonly ToolObservation[]
  /** Absent: it was not looked at. */
  readonly headers?: { readonly server: string; readonly enforced: boolean }
  /** Observations that are about nothing in that bundle. */
  readonly outdated?: readonly Subject[]
}

/** As a lease carries them. */
export interface WrittenObservations {
  readonly tools: readonly (readonly [tool: string, seen: string])[]
  readonly headers: readonly string[]
  readonly full: boolean
}

/** Null where there are none: then there is nothing to look up on the way of a call. */
export function readObservations({ tools, headers, full }: WrittenObservations): Observations | null {
  if (tools.length === 0 && headers.length === 0) return null
  return { tools: new Map(tools), headers: new Set(headers), full }
}
