/**
 * The security events that are understood, and the possible effects of each, in one table, which docs/guides/signals.md
 * repeats. Any other event is acknowledged and recorded, and changes nothing. Pure.
 */

/**
 * `none`: it is recorded. `risk`: it counts for a while. `revoke`: what was issued before opens nothing any more.
 * `stop`: nothing opens until it is lifted. `lift`: ends what the same stream has stopped.
 */
export const EFFECTS = ["none", "risk", "revoke", "stop", "lift"] as const
export type EffectName = (typeof EFFECTS)[number]

/** Of a risk; `doubt` is the level of an event that states none. */
export const LEVELS = ["low", "medium", "high", "doubt"] as const
export type Level = (typeof LEVELS)[number]

/** The event's own claims. */
export type EventClaims = Readonly<Record<string, unknown>>

/** `nothing`: this instance of the event has no effect. */
type EventLevel = Level | "nothing" | { readonly malformed: string }

interface EventRule {
  readonly type: string
  /** The first applies unless the stream's entry names another of them. */
  readonly effects: readonly [EffectName, ...EffectName[]]
  readonly weigh: (claims: EventClaims) => EventLevel
}

const caep = (name: string): string => `https://schemas.openid.net/secevent/caep/event-type/${name}`
const risc = (name: string): string => `https://schemas.openid.net/secevent/risc/event-type/${name}`
const ssf = (name: string): string => `https://schemas.openid.net/secevent/ssf/event-type/${name}`

const always = (): EventLevel => "doubt"

/** CAEP, section 3.3: only a credential that is new leaves open sessions as they were. */
const changed = ({ change_type: how }: EventClaims): EventLevel => {
  if (how === "create") return "nothing"
  return typeof how === "string" ? "doubt" : { malformed: "change_type" }
}

/** CAEP, section 3.4: if the direction is not stated, the level may have fallen. */
const fallen = ({ current_level: level, change_direction: way }: EventClaims): EventLevel => {
  if (typeof level !== "string") return { malformed: "current_level" }
  return way === "increase" ? "nothing" : "doubt"
}

const notCompliant = ({ current_status: status }: EventClaims): EventLevel => {
  if (status === "compliant") return "nothing"
  return typeof status === "string" ? "doubt" : { malformed: "current_status" }
}

const LEVEL_OF: ReadonlyMap<unknown, Level> = new Map([
  ["LOW", "low"],
  ["MEDIUM", "medium"],
  ["HIGH", "high"],
])
/** The principals of CAEP, section 3.8, whose risk is that of the subject. */
const OWN_RISK: ReadonlySet<unknown> = new Set([undefined, "USER", "DEVICE", "SESSION"])

const risky = ({ current_level: level, principal }: EventClaims): EventLevel => {
  const stated = LEVEL_OF.get(level)
  if (stated === undefined) return { malformed: "current_level" }
  return OWN_RISK.has(principal) ? stated : "nothing"
}

const TABLE = {
  // CAEP
  "session-revoked": { type: caep("session-revoked"), effects: ["revoke", "risk", "none"], weigh: always },
  "token-claims-change": { type: caep("token-claims-change"), effects: ["revoke", "risk", "none"], weigh: always },
  "credential-change": { type: caep("credential-change"), effects: ["revoke", "risk", "none"], weigh: changed },
  "assurance-level-change": {
    type: caep("assurance-level-change"),
    effects: ["risk", "revoke", "none"],
    weigh: fallen,
  },
  "device-compliance-change": {
    type: caep("device-compliance-change"),
    effects: ["risk", "revoke", "none"],
    weigh: notCompliant,
  },
  "risk-level-change": { type: caep("risk-level-change"), effects: ["risk", "none"], weigh: risky },
  "session-established": { type: caep("session-established"), effects: ["none"], weigh: always },
  "session-presented": { type: caep("session-presented"), effects: ["none"], weigh: always },
  // RISC
  "account-disabled": { type: risc("account-disabled"), effects: ["stop", "revoke", "risk", "none"], weigh: always },
  "account-enabled": { type: risc("account-enabled"), effects: ["lift", "none"], weigh: always },
  "account-purged": { type: risc("account-purged"), effects: ["revoke", "risk", "none"], weigh: always },
  "account-credential-change-required": {
    type: risc("account-credential-change-required"),
    effects: ["risk", "revoke", "none"],
    weigh: always,
  },
  "credential-compromise": { type: risc("credential-compromise"), effects: ["revoke", "risk", "none"], weigh: always },
  "identifier-recycled": { type: risc("identifier-recycled"), effects: ["revoke", "risk", "none"], weigh: always },
  "sessions-revoked": { type: risc("sessions-revoked"), effects: ["revoke", "risk", "none"], weigh: always },
  // SSF: about the stream itself, so every stream may send them
  verification: { type: ssf("verification"), effects: ["none"], weigh: always },
  "stream-updated": { type: ssf("stream-updated"), effects: ["none"], weigh: always },
} as const satisfies Readonly<Record<string, EventRule>>

export type EventName = keyof typeof TABLE

export const EVENTS: Readonly<Record<EventName, EventRule>> = TABLE

const OF_THE_STREAM: ReadonlySet<EventName> = new Set(["verification", "stream-updated"])

const isEventName = (name: string): name is EventName => Object.hasOwn(TABLE, name)
export const EVENT_NAMES = Object.keys(TABLE).filter(isEventName)
/** The events that an entry of streams.yaml can name. */
export const REPORTABLE_EVENTS = EVENT_NAMES.filter((name) => !OF_THE_STREAM.has(name))

const BY_TYPE: ReadonlyMap<string, EventName> = new Map(EVENT_NAMES.map((name) => [EVENTS[name].type, name]))

/** Null for a type that is not understood. */
export function eventOf(type: string): EventName | null {
  return BY_TYPE.get(type) ?? null
}

export function mayReport(events: readonly EventName[], name: EventName): boolean {
  return OF_THE_STREAM.has(name) || events.includes(name)
}
