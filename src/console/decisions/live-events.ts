/**
 * Decisions as they happen: a stream of events that asks the API each second, with its reader's token, and ends with it,
 * with their session, or when they are gone. It ends by itself after some minutes, too, so that nothing goes on for ever:
 * browsers come again, with the id of what they saw last.
 */
import { streamSSE, type SSEStreamingApi } from "hono/streaming"
import { firstIdAt, timeOf } from "../../core/encoding/ids.ts"
import { sessionOf } from "../../web/session.ts"
import { logEvent } from "../../platform/log.ts"
import { lineOf } from "./line.ts"
import { decisions, type Decision } from "../../api/contract/decisions-console.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { filtersOf } from "./filters.ts"
import type { LiveUpdate } from "./live-line.ts"

export const liveEventsPage = {
  path: "/live/events",
  section: "live",
  readers: "viewer",
  view: streamDecisions,
  // An EventSource that is answered 204 does not connect again; the sign-in would be no stream of events to it.
  signedOut: () => new Response(null, { status: 204, headers: { "Cache-Control": "no-store" } }),
} as const satisfies PageDefinition

const EVERY_MS = 1_000
/** Each look asks all logs and the session: of what one request may ask in all (1,000 on any plan), some is left. */
const MAX_LOOKS = 120
/** A record may reach the log a little after a later one. */
const LATE_MS = 5_000
/** Whoever comes back later than this has a gap. */
const BACK_MS = 50_000
/** The most that the API tells at once. */
const LIMIT = 250
/** What a page keeps; of what is more only the number is told. */
const MAX_LINES = 200
/** Looks between two signs of life. */
const SIGN_EVERY = 10
/** Looks in a row that may fail. */
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
  for (let look = 0; look < MAX_LOOKS && !stream.aborted; look++) {
    const query = new URLSearchParams([...filters, ["after", after], ["limit", String(LIMIT)]])
    const response = await callApi("GET", `/v1/decisions?${query.toString()}`)
    // Only then: nothing is sent once the sign-out has been answered.
    const now = Date.now()
    if (!(await sessionOf(c.req.raw, { ...context, receivedAt: now }))) {
      return stream.writeSSE({ event: "end", data: "You have signed out: open the page again" })
    }
    if (look % SIGN_EVERY === 0) {
      // By its id whoever comes again tells how far they had come, also where nothing happens.
      await stream.writeSSE({ event: "sign", data: "", id: firstIdAt("dec", now - LATE_MS), retry: EVERY_MS })
    }
    if (response.status === 401 || response.status === 403 || response.status === 400) {
      return stream.writeSSE({ event: "end", data: ENDED[response.status] })
    }
    failures = response.status === 200 ? 0 : failures + 1
    if (failures > MAX_FAILURES) return
    const found = response.status === 200 ? decisions.parse(response.body).decisions : []
    const fresh = found.filter(({ id }) => !seen.has(id) && id !== last)
    for (const { id } of fresh) seen.add(id)
    const isFull = found.length === LIMIT
    // Where more has come than is told at once, it goes on from there.
    after = (isFull ? found.at(-1)?.id : undefined) ?? firstIdAt("dec", Date.now() - LATE_MS)
    for (const id of seen) if (id < after) seen.delete(id)
    if (fresh.length > 0 || gap) {
      await stream.writeSSE({
        event: "decisions",
        id: fresh.at(-1)?.id ?? last,
        data: JSON.stringify(told(fresh, gap)),
      })
      gap = false
    }
    await stream.sleep(EVERY_MS)
  }
}

const ENDED = {
  400: "This page does not follow: its filters are not understood",
  401: "You are not signed in any more: open the page again",
  403: "You may not see decisions any more",
} as const

function told(fresh: readonly Decision[], gap: boolean): LiveUpdate {
  const lines = fresh.slice(-MAX_LINES)
  const others = fresh.slice(0, fresh.length - lines.length)
  const allowed = others.filter(({ decision }) => decision === "allow").length
  return { lines: lines.map(lineOf), more: { allowed, denied: others.length - allowed }, gap }
}

/** A little before what was seen last: it may have overtaken others. Never from long ago, whatever is asked for. */
function beginning(last: string, now: number): { readonly after: string; readonly gap: boolean } {
  const at = timeOf(last) ?? now
  const from = Math.min(at, now) - LATE_MS
  const earliest = now - BACK_MS
  return { after: firstIdAt("dec", Math.max(from, earliest)), gap: at < earliest }
}
