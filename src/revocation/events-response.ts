/**
 * The responses to a transmitter (RFC 8935, sections 2.2 and 2.3), and their records: one for each accepted event, one
 * for a rejected token.
 */
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { recordOf, type DecisionRecord } from "../core/record/record.ts"
import { shownName, withoutToken } from "../core/denials/terms/credential-rejection.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { type RequestContext } from "../request-context.ts"
import type { EventEffect } from "../core/signals/event-effects.ts"
import { setErrorOf, type SetError } from "../core/denials/set-error.ts"
import { newId } from "../platform/new-id.ts"
import { rawTarget } from "../platform/raw-target.ts"

/** `repeated`: nothing has changed. `observed`: the event is only recorded. */
export type AcceptedEvents = "kept" | "repeated" | "observed"

/** The fields of a record that are known so far. */
type EventRecordFields = Pick<DecisionRecord, "kind" | "method" | "path" | "bundle"> & Partial<DecisionRecord>

export function recordStart(request: Request, bundle: Bundle | null): EventRecordFields {
  const [path = null] = rawTarget(request).split("?", 1)
  return { kind: "management", method: request.method, path, bundle: bundle?.pointer ?? null }
}

export function rejectToken(denial: SetError, fields: EventRecordFields, context: RequestContext): Response {
  const { err, description } = setErrorOf(denial)
  const headers = headersOf(record({ ...fields, code: err, denial }, context))
  headers.set("Content-Language", "en")
  if (err !== "unavailable") return Response.json({ err, description }, { status: 400, headers })
  headers.set("Retry-After", "5")
  return Response.json({ error: err, error_description: description }, { status: 503, headers })
}

export function acknowledge(
  jti: string,
  effects: readonly EventEffect[],
  accepted: AcceptedEvents,
  fields: EventRecordFields,
  context: RequestContext,
): Response {
  const [id = ""] = effects.map((one) => {
    const { targets } = one
    const users = targets.flatMap((target) => (target.kind === "user" ? [target.user] : []))
    const [user = null] = users
    const chain = targets.flatMap((target) => (target.kind === "agent" ? [target.agent] : []))
    const all = { ...(users.length > 1 && { users }), ...(accepted === "repeated" && { repeated: true }) }
    const reported = { jti: shownName(jti), ...eventView(one), ...all }
    return record({ ...fields, decision: "allow", code: "ok", user, chain, arguments: reported }, context)
  })
  return new Response(null, { status: 202, headers: headersOf(id) })
}

function eventView({
  event,
  effect,
  because,
  level,
  at,
  subject,
  targets,
}: EventEffect): Readonly<Record<string, unknown>> {
  const keys = targets.flatMap((target) => (target.kind === "key" ? [target.kid] : []))
  return {
    event: withoutToken(event),
    effect,
    ...(because !== null && { because }),
    ...(effect !== "none" && { at: Math.floor(at / 1000) }),
    ...(level !== null && { level }),
    ...(subject !== null && { subject }),
    ...(keys.length > 0 && { keys }),
  }
}

function headersOf(id: string): Headers {
  return new Headers({ "Cache-Control": "no-store", "X-Narrowgate-Decision": id })
}

/** @returns its id */
function record(fields: EventRecordFields, { env, receivedAt, background }: RequestContext): string {
  const id = newId("dec", receivedAt)
  const total_ms = Date.now() - receivedAt
  recordAtEdge(env, recordOf({ ...fields, id, at: receivedAt, total_ms }), background)
  return id
}
