/**
 * A notice as a Security Event Token: a CAEP event if CAEP has one for it, otherwise one of Narrowgate's own; with its
 * subject (RFC 9493). Each token has one event (SSF 1.0). Pure.
 */
import type { Notice, SwitchNotice, TaskEndNotice } from "./notice.ts"

export interface SetEvent {
  /** URI of the event type. */
  readonly type: string
  readonly subject: Subject
  readonly claims: Readonly<Record<string, unknown>>
}

/** RFC 9493, section 3.2. A task is the session of a complex subject without other members. */
type Subject =
  | { readonly format: "iss_sub"; readonly iss: string; readonly sub: string }
  | { readonly format: "uri"; readonly uri: string }
  | { readonly format: "opaque"; readonly id: string }
  | { readonly format: "complex"; readonly session: Subject }

const caep = (name: string): string => `https://schemas.openid.net/secevent/caep/event-type/${name}`
/** For events that CAEP does not define. */
const own = (name: string): string => `urn:narrowgate:event-type:${name}`

export const SET_EVENT_TYPES = {
  sessionRevoked: caep("session-revoked"),
  credentialChange: caep("credential-change"),
  taskQuarantined: own("task-quarantined"),
  taskReleased: own("task-released"),
  switchSet: own("switch-set"),
  switchLifted: own("switch-lifted"),
} as const

/**
 * Returns null if receivers of events get nothing of it.
 * @param issuer our own URL
 */
export function setEventOf({ type, at, data }: Notice, issuer: string): SetEvent | null {
  if (data.kind === "end") return ofEnd(type, data, at)
  return data.kind === "switch" ? ofSwitch(type, data, at, issuer) : null
}

/** CAEP 1.0, section 2: who initiated the event. An agent is neither the user nor an administrator. */
const INITIATORS = { agent: "system", guardrail: "policy", operator: "admin", misuse: "policy" } as const

/**
 * A task is the session of an agent, and the subject contains only that session. If it also contained the user, a
 * receiver that does not store our sessions would end all sessions of the user.
 */
function ofEnd(type: Notice["type"], { task, agent, tasks, by, code }: TaskEndNotice, at: number): SetEvent | null {
  const subject = { format: "complex", session: { format: "opaque", id: task } } as const
  const because = code === null ? {} : { reason_admin: { en: code } }
  const times = { event_timestamp: Math.floor(at / 1000), initiating_entity: INITIATORS[by], ...because }
  switch (type) {
    case "task.revoked":
    case "task.aborted":
      return { type: SET_EVENT_TYPES.sessionRevoked, subject, claims: times }
    case "task.quarantined":
      return { type: SET_EVENT_TYPES.taskQuarantined, subject, claims: { ...times, agent, tasks } }
    case "task.released":
      return { type: SET_EVENT_TYPES.taskReleased, subject, claims: { ...times, agent, tasks } }
    default:
      return null
  }
}

function ofSwitch(type: Notice["type"], data: SwitchNotice, at: number, issuer: string): SetEvent {
  const { stopped, before, switch: id } = data
  const event_timestamp = Math.floor((before ?? at) / 1000)
  const times = { event_timestamp, initiating_entity: "admin" }
  const subject = subjectOf(data, issuer)
  const mine = { ...times, switch: id, kind: stopped.kind }
  // CAEP does not define an event for a resumption.
  if (type !== "switch.set")
    return { type: SET_EVENT_TYPES.switchLifted, subject, claims: { ...mine, event_timestamp: Math.floor(at / 1000) } }
  switch (stopped.kind) {
    case "user":
    case "agent":
      return { type: SET_EVENT_TYPES.sessionRevoked, subject, claims: times }
    case "key":
      // CAEP 1.0, section 3.3.1: transmitter and receiver agree on further credential types.
      return {
        type: SET_EVENT_TYPES.credentialChange,
        subject,
        claims: { ...times, credential_type: "jwk", change_type: "revoke" },
      }
    case "tool":
      return { type: SET_EVENT_TYPES.switchSet, subject, claims: { ...mine, tool: stopped.tool } }
    // No subject of RFC 9493 is all users of an issuer.
    case "issuer":
      return { type: SET_EVENT_TYPES.switchSet, subject, claims: { ...mine, issuer: stopped.issuer } }
    case "everything":
      return { type: SET_EVENT_TYPES.switchSet, subject, claims: mine }
    default:
      return stopped satisfies never
  }
}

/**
 * Returns the subject as `/v1/events` reads it: a user by issuer and subject, an agent by its URI, a key by its place
 * in our JWK set.
 */
function subjectOf({ stopped }: SwitchNotice, issuer: string): Subject {
  switch (stopped.kind) {
    case "user": {
      const at = stopped.user.indexOf("|")
      return { format: "iss_sub", iss: stopped.user.slice(0, at), sub: stopped.user.slice(at + 1) }
    }
    case "agent":
      return { format: "uri", uri: stopped.agent }
    case "key":
      return { format: "uri", uri: `${issuer}/.well-known/jwks.json#${stopped.kid}` }
    case "tool":
    case "issuer":
    case "everything":
      return { format: "uri", uri: issuer }
    default:
      return stopped satisfies never
  }
}
