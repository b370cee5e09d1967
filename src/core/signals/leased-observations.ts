/**
 * Observations as isolates and the switchboard exchange them, and the version of that. They are stored beside the
 * switches, in a table of their own: no operator deletes one, only a bundle that pins what was observed, or a server
 * that matches its pin again.
 */
import type { Observations, ToolObservation, Subject } from "../catalog/drift.ts"

/** Old object code may run for minutes beside new Worker code: another version is rejected, not misread. */
export const OBSERVATION_VERSION = 1

/**
 * Observations that are stored; one has some 400 bytes at most, and every lease contains them all. A server causes no
 * more than it has pinned tools, so this many mean that the whole catalog is out of date. Then every pinned tool is
 * denied that is not known to match, and the headers of no server are trusted.
 */
export const MAX_OBSERVATIONS = 4_096

export interface Report {
  /** `seq` of the bundle whose pins it was compared with. */
  readonly bundle: number
  /** Milliseconds since the epoch, before the request to the server. */
  readonly at: number
  readonly sightings: readonly ToolObservation[]
  /** Absent if the headers were not checked. */
  readonly headers?: { readonly server: string; readonly enforced: boolean }
  /** Observations that concern nothing in that bundle. */
  readonly outdated?: readonly Subject[]
}

/** As a lease contains them. */
export interface WrittenObservations {
  readonly tools: readonly (readonly [tool: string, seen: string])[]
  readonly headers: readonly string[]
  readonly full: boolean
}

/** Null if there are none: then a call has nothing to look up. */
export function readObservations({ tools, headers, full }: WrittenObservations): Observations | null {
  if (tools.length === 0 && headers.length === 0) return null
  return { tools: new Map(tools), headers: new Set(headers), full }
}
