/**
 * Reports this isolate's observations to the switchboard. The reporting isolate applies them at once, the others when
 * their lease ends.
 */
import { isChanged } from "../core/catalog/drift.ts"
import { logEvent } from "../platform/log.ts"
import { renewLease, type LeaseClient } from "./lease.ts"
import { OBSERVATION_VERSION, type Report } from "../core/signals/leased-observations.ts"
import { switchboard } from "./switchboard.ts"

/** Of one report. */
const MAX_LOGGED = 20

/** Never throws: what could not be reported is observed again. */
export async function report(client: LeaseClient, seen: Report): Promise<void> {
  const { sightings, headers } = seen
  for (const { tool, pinned, seen: hash } of sightings.filter(isChanged).slice(0, MAX_LOGGED)) {
    logEvent("tool_changed", { tool, pinned, seen: hash })
  }
  if (headers) logEvent(headers.enforced ? "headers_enforced" : "headers_not_enforced", { server: headers.server })
  try {
    if (!(await switchboard(client.env).observe(OBSERVATION_VERSION, seen)))
      throw new Error("the switchboard is of another version")
    await renewLease(client)
  } catch (error) {
    logEvent("observations_not_kept", { error: String(error) })
  }
}

/**
 * Between two reports of an isolate on one server, so that a server whose every list differs does not cause a write for
 * each.
 */
const PAUSE_MS = 1_000
const reportedAt = new Map<string, number>()
/** Names come from bundles, which may contain others over time. */
const MAX_SERVERS = 10_000

/** For tests: the state of a fresh isolate. */
export function forgetReports(): void {
  reportedAt.clear()
}

/** Whether a list of this server may be reported now; if so, no other for a while. */
export function takeTurn(server: string, now: number): boolean {
  const since = now - (reportedAt.get(server) ?? Number.NEGATIVE_INFINITY)
  if (since >= 0 && since < PAUSE_MS) return false
  if (reportedAt.size >= MAX_SERVERS) reportedAt.clear()
  reportedAt.set(server, now)
  return true
}
