/**
 * Decisions as they happen: a stream of server-sent events. It requests new decisions from the API each second, with the
 * reader's token. It ends when the token or the session ends, when the reader leaves, and after two minutes in any case;
 * then the browser connects again with the id of the last event.
 */
import { CONTRACT } from "../../api/contract/contract.ts"
import { streamSSE, type SSEStreamingApi } from "hono/streaming"
import { firstIdAt, timeOf } from "../../core/encoding/ids.ts"
import { sessionOf } from "../../web/session.ts"
import { logEvent } from "../../platform/log.ts"
import { liveLineOf } from "./decision-text.ts"
import type { Decision } from "../../api/contract/decisions.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { filtersOf } from "./filters.ts"
import type { LiveUpdate } from "./live-update.ts"

export const liveEventsPage = {
  path: "/live/events",
  section: "live",
  readers: "viewer",
  view: streamDecisions,
  // An EventSource that is answered 204 does not connect again; the sign-in would be no stream of events to it.
  signedOut: () => new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } }),
} as const satisfies PageDefinition

const EVERY_MS = 1_000
/** Each poll requests all log shards and the session; a Worker may make 1,000 subrequests per request. */
const MAX_POLLS = 120
/** A record may reach the log this much after a later one. */
const LATE_MS = 5_000
/** A browser that connects again later than this misses decisions. */
const BACK_MS = 50_000
/** The most decisions of one response of the API. */
const LIMIT = 250
/** The most lines of one event, as a page keeps no more; of further decisions the event holds the number. */
const MAX_LINES = 200
/** The polls between two heartbeats. */
const HEARTBEAT_EVERY = 10
/** The polls in a row that may fail. */
const MAX_FAILURES = 5

async function streamDecisions(request: PageRequest): Promise<Response> {
  const { c } = request
  c.header("X-Content-Type-Options", "nosniff")
  c.header("X-Accel-Buffering", "no")
  return streamSSE(c, async (stream) => {
    try {
      await follow(request, stream)
    } catch (error) {
      logEvent("following_failed", { error: String(error) })
    }
  })
}

async function follow(request: PageRequest, stream: SSEStreamingApi): Promise<void> {
  const { c, callApi, context } = request
  const filters = filtersOf(c)
  const last = c.req.header("last-event-id") ?? c.req.query("after") ?? ""
  const from = beginning(last, Date.now())
  let { after } = from
  let { gap } = from
  const seen = new Set<string>()
  let failures = 0
  for (let poll = 0; poll < MAX_POLLS && !stream.aborted; poll++) {
    const query = new URLSearchParams([...filters, ["after", after], ["limit", String(LIMIT)]])
    const response = await callApi("GET", `/v1/decisions?${query.toString()}`)
    // The session is read after the response arrived: nothing is sent once a sign-out has been answered.
    const now = Date.now()
    if (!(await sessionOf(c.req.raw, { ...context, receivedAt: now }))) {
      return stream.writeSSE({ event: "end", data: "Session ended. Sign in again" })
    }
    if (poll % HEARTBEAT_EVERY === 0) {
      // The browser connects again with the id of this event, also if no decision has been made.
      await stream.writeSSE({ event: "sign", data: "", id: firstIdAt("dec", now - LATE_MS), retry: EVERY_MS })
    }
    if (response.status === 401 || response.status === 403 || response.status === 400) {
      return stream.writeSSE({ event: "end", data: ENDED[response.status] })
    }
    failures = response.status === 200 ? 0 : failures + 1
    if (failures > MAX_FAILURES) return
    const records = response.status === 200 ? CONTRACT.listDecisions.answer().parse(response.body).decisions : []
    const fresh = records.filter(({ id }) => !seen.has(id) && id !== last)
    for (const { id } of fresh) seen.add(id)
    const isFull = records.length === LIMIT
    // If there are more decisions than one response holds, the next poll continues after the last.
    after = (isFull ? records.at(-1)?.id : undefined) ?? firstIdAt("dec", Date.now() - LATE_MS)
    for (const id of seen) if (id < after) seen.delete(id)
    if (fresh.length > 0 || gap) {
      await stream.writeSSE({
        event: "decisions",
        id: fresh.at(-1)?.id ?? last,
        data: JSON.stringify(updateOf(fresh, gap)),
      })
      gap = false
    }
    await stream.sleep(EVERY_MS)
  }
}

const ENDED = {
  400: "Not live: the filters are not valid",
  401: "Session ended. Sign in again",
  403: "You no longer have permission to see decisions",
} as const

function updateOf(fresh: readonly Decision[], gap: boolean): LiveUpdate {
  const lines = fresh.slice(-MAX_LINES)
  const others = fresh.slice(0, fresh.length - lines.length)
  const allowed = others.filter(({ decision }) => decision === "allow").length
  return { lines: lines.map(liveLineOf), more: { allowed, denied: others.length - allowed }, gap }
}

/** Starts a little before the last event, as records may arrive late; and never earlier than `BACK_MS` ago. */
function beginning(last: string, now: number): { readonly after: string; readonly gap: boolean } {
  const at = timeOf(last) ?? now
  const from = Math.min(at, now) - LATE_MS
  const earliest = now - BACK_MS
  return { after: firstIdAt("dec", Math.max(from, earliest)), gap: at < earliest }
}
