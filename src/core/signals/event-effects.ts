/**
 * The effects of a verified Security Event Token: for each of its events an effect on its subjects, by the table of
 * events, the stream's entry, and the subjects about which the stream may report. One event that the stream may not
 * report invalidates the whole token. Pure: the switchboard applies the effects.
 */
import { nextSecond } from "./switch.ts"
import { canonicalText } from "../encoding/canonical-json.ts"
import { sha256Hex } from "../encoding/hash.ts"
import type { StreamDefinition } from "../policy/definition/streams.ts"
import type { SignalChange } from "./stream-change.ts"
import { eventOf, EVENTS, mayReport, type EffectName, type EventClaims } from "../policy/definition/security-events.ts"
import type { SetError } from "../denials/set-error.ts"
import { resolveSubject, type KnownSubjects, type Target } from "./event-subject.ts"

export interface EventEffect {
  /** Its name in the table, or its URI if it is in none, in the transmitter's own words. */
  readonly event: string
  readonly effect: EffectName
  readonly targets: readonly Target[]
  /**
   * Milliseconds since the epoch, when it happened by its transmitter's clock; ahead of us by no more than clocks may
   * differ.
   */
  readonly at: number
  /** From 0 to 100, of a risk. */
  readonly level: number | null
  /** First digits of the hash of its subject identifier. Null if it has none. */
  readonly subject: string | null
  /** Why the event has no effect. Null if it has one, or never would. */
  readonly because: "event_unknown" | "subject_unknown" | "nothing_to_do" | null
}

/** @param now milliseconds */
export function effectsOf(
  { events, at, subject }: SecurityEvents,
  stream: StreamDefinition,
  subjects: KnownSubjects,
  now: number,
): readonly EventEffect[] | SetError {
  const effects: EventEffect[] = []
  for (const [type, claims] of events) {
    const one = effectOf(type, claims, { at, subject }, stream, subjects, now)
    if ("reason" in one) return one
    effects.push(one)
  }
  return effects
}

function effectOf(
  type: string,
  claims: EventClaims,
  of: Pick<SecurityEvents, "at" | "subject">,
  stream: StreamDefinition,
  subjects: KnownSubjects,
  now: number,
): EventEffect | SetError {
  const name = eventOf(type)
  const { subject: before } = claims
  // In drafts of SSF each event had its subject. Two that differ are ambiguous.
  if (of.subject !== undefined && before !== undefined && canonicalText(of.subject) !== canonicalText(before))
    return { reason: "event_malformed", event: name ?? "event_unknown", what: "it names two subjects" }
  const id = of.subject ?? before
  const nothing = { event: name ?? type, effect: "none", targets: [], level: null, subject: hashOf(id) } as const
  if (name === null) return { ...nothing, at: now, because: "event_unknown" }
  if (!mayReport(stream.events, name)) return { reason: "event_not_allowed", event: name }
  const { weigh, effects } = EVENTS[name]
  const weighed = weigh(claims)
  if (typeof weighed !== "string")
    return { reason: "event_malformed", event: name, what: `${weighed.malformed} of ${name}` }
  const at = timeOf(claims, of.at, now)
  if (at === null) return { reason: "event_malformed", event: name, what: `event_timestamp of ${name}` }
  const effect = stream.effects[name] ?? effects[0]
  // A subject about which the stream may not report is rejected even if nothing would follow.
  const resolved = id === undefined && effect === "none" ? { targets: [] } : resolveSubject(id, subjects)
  if ("malformed" in resolved) return { reason: "event_malformed", event: name, what: resolved.malformed }
  if ("foreign" in resolved) return { reason: "subject_not_allowed", event: name, subject: hashOf(id) ?? "" }
  const { targets } = resolved
  if (effect === "none") return { ...nothing, targets, at, because: null }
  if (weighed === "nothing") return { ...nothing, targets, at, because: "nothing_to_do" }
  if (targets.length === 0) return { ...nothing, at, because: "subject_unknown" }
  const level = effect === "risk" ? stream.risk[weighed] : null
  return { ...nothing, effect, targets, at, level, because: null }
}

/** The same without the effects on keys that are none of ours. */
export function exceptKeys(effects: readonly EventEffect[], unknown: ReadonlySet<string>): readonly EventEffect[] {
  return effects.map((event): EventEffect => {
    const targets = event.targets.filter((target) => target.kind !== "key" || !unknown.has(target.kid))
    if (targets.length > 0 || event.targets.length === 0) return { ...event, targets }
    return { ...event, targets, effect: "none", level: null, because: "subject_unknown" }
  })
}

/** Records tell unknown subjects apart by this hash, and do not name them. */
function hashOf(id: unknown): string | null {
  const text = id === undefined ? undefined : canonicalText(id)
  return text === undefined ? null : sha256Hex(text).slice(0, 16)
}

/** From here on a number of seconds would be later than the year 5000; drafts of CAEP counted milliseconds. */
const FIRST_MILLISECONDS = 100_000_000_000

/** How far a token's issue may be ahead of us (credentials/jws/signature.ts). */
const CLOCKS_APART_MS = 30_000

/**
 * Milliseconds since the epoch. A time in the future counts as now, unless a fast clock explains it: within that, two
 * events must keep their order, whichever the network delivers first.
 * @param otherwise seconds, if the event names no time
 */
function timeOf(claims: EventClaims, otherwise: number, now: number): number | null {
  const { event_timestamp: claimedAt = otherwise } = claims
  if (typeof claimedAt !== "number" || claimedAt < 0) return null
  const at = claimedAt < FIRST_MILLISECONDS ? claimedAt * 1000 : claimedAt
  return at > now + CLOCKS_APART_MS ? now : at
}

/** @param now milliseconds */
export function changesOf(
  effects: readonly EventEffect[],
  { risk }: StreamDefinition,
  now: number,
): readonly SignalChange[] {
  return effects.flatMap((event) => event.targets.flatMap((target) => changeOf(event, target, risk.half_life, now)))
}

function changeOf(
  { event, effect, at, level }: EventEffect,
  target: Target,
  halfLife: number,
  now: number,
): SignalChange[] {
  if (target.kind === "key") {
    // A thief of a key can write any time into a token, so the key is pulled as a whole, and for good.
    return effect === "revoke" || effect === "stop" ? [{ kind: "stop", stopped: target, before: null, at }] : []
  }
  switch (effect) {
    case "none":
      return []
    case "risk":
      return [{ kind: "risk", of: target, event, level: level ?? 0, halfLife, at }]
    case "revoke":
      // A session states its issue in whole seconds, so one of the same second may be from before. No future session is
      // revoked, whatever a clock says.
      return [{ kind: "stop", stopped: target, before: nextSecond(Math.min(at, now)), at }]
    case "stop":
      return [{ kind: "stop", stopped: target, before: null, at }]
    case "lift":
      return [{ kind: "lift", stopped: target, at }]
    default:
      return effect satisfies never
  }
}

export interface SecurityEvents {
  readonly jti: string
  /** Milliseconds since the epoch; from then on it is rejected as too old. */
  readonly until: number
  /** Seconds since the epoch, when all its events happened, if the token states that. */
  readonly at: number
  /** `sub_id` (RFC 9493, section 3.1). Undefined if there is none. */
  readonly subject: unknown
  /** The events, by the URI of their type: at least one. */
  readonly events: readonly (readonly [type: string, told: Readonly<Record<string, unknown>>])[]
}
