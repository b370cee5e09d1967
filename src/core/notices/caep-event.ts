/**
 * What of a notice a Security Event Token says: an event of CAEP where CAEP has one for it, else one of ours; and whom it
 * is about (RFC 9493). One event a token (SSF 1.0). Pure.
 */
import type { Notice, SwitchNotice, TaskEndNotice } from "./notice.ts"

export interface Signal {
  /** URI of the event's type. */
  readonly type: string
  readonly subject: Subject
  readonly told: Readonly<Record<string, unknown>>
}

/** RFC 9493 3.2; a session of ours stands in a complex subject, alone. */
type Subject =
  | { readonly format: "iss_sub"; readonly iss: string; readonly sub: string }
  | { readonly format: "uri"; readonly uri: string }
  | { readonly format: "opaque"; readonly id: string }
  | { readonly format: "complex"; readonly session: Subject }

const caep = (name: string): string => `https://schemas.openid.net/secevent/caep/event-type/${name}`
/** Where CAEP has no word for it. */
const own = (name: string): string => `urn:narrowgate:event-type:${name}`

export const SIGNAL_TYPES = {
  sessionRevoked: caep("session-revoked"),
  credentialChange: caep("credential-change"),
  taskQuarantined: own("task-quarantined"),
  taskReleased: own("task-released"),
  switchSet: own("switch-set"),
  switchLifted: own("switch-lifted"),
} as const

/**
 * Null for what is said to people alone.
 * @param issuer our own URL
 */
export function signalOf({ type, at, data }: Notice, issuer: string): Signal | null {
  if (data.kind === "end") return ofEnd(type, data, at)
  return data.kind === "switch" ? ofSwitch(type, data, at, issuer) : null
}

/** CAEP 1.0 2: who began it; an agent is neither the user nor an administrator. */
const INITIATORS = { agent: "system", guardrail: "policy", operator: "admin", misuse: "policy" } as const

/**
 * A task is the session of an agent, and the subject is that session alone: with its user beside it, a receiver that
 * keeps no sessions of ours would end all that the user has.
 */
function ofEnd(type: Notice["type"], { task, agent, tasks, by, code }: TaskEndNotice, at: number): Signal | null {
  const subject = { format: "complex", session: { format: "opaque", id: task } } as const
  const because = code === null ? {} : { reason_admin: { en: code } }
  const times = { event_timestamp: Math.floor(at / 1000), initiating_entity: INITIATORS[by], ...because }
  switch (type) {
    case "task.revoked":
    case "task.aborted":
      return { type: SIGNAL_TYPES.sessionRevoked, subject, told: times }
    case "task.quarantined":
      return { type: SIGNAL_TYPES.taskQuarantined, subject, told: { ...times, agent, tasks } }
    case "task.released":
      return { type: SIGNAL_TYPES.taskReleased, subject, told: { ...times, agent, tasks } }
    default:
      return null
  }
}

function ofSwitch(type: Notice["type"], data: SwitchNotice, at: number, issuer: string): Signal {
  const { stopped, before, switch: id } = data
  const event_timestamp = Math.floor((before ?? at) / 1000)
  const times = { event_timestamp, initiating_entity: "admin" }
  const subject = subjectOf(data, issuer)
  const mine = { ...times, switch: id, kind: stopped.kind }
  // CAEP has no word for what may go on.
  if (type !== "switch.set")
    return { type: SIGNAL_TYPES.switchLifted, subject, told: { ...mine, event_timestamp: Math.floor(at / 1000) } }
  switch (stopped.kind) {
    case "user":
    case "agent":
      return { type: SIGNAL_TYPES.sessionRevoked, subject, told: times }
    case "key":
      // CAEP 1.0 3.3.1: types of credential besides its own are for both sides to agree upon.
      return {
        type: SIGNAL_TYPES.credentialChange,
        subject,
        told: { ...times, credential_type: "jwk", change_type: "revoke" },
      }
    case "tool":
      return { type: SIGNAL_TYPES.switchSet, subject, told: { ...mine, tool: stopped.tool } }
    case "everything":
      return { type: SIGNAL_TYPES.switchSet, subject, told: mine }
    default:
      return stopped satisfies never
  }
}

/** As `/v1/events` reads them: a user by issuer and subject, an agent by its URI, a key by its place in our JWK set. */
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
    case "everything":
      return { format: "uri", uri: issuer }
    default:
      return stopped satisfies never
  }
}
