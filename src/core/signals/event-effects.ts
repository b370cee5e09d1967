/**
 * What follows from a Security Event Token that has passed: for each of its events an effect on those that it is about,
 * by the table of events, the stream's entry, and what the stream may speak of. One that may not be told spoils the
 * whole token. Pure: what is judged is applied by the switchboard.
 */
import { canonicalText } from "../encoding/canonical-json.ts"
import { sha256Hex } from "../encoding/hash.ts"
import type { StreamDefinition } from "../policy/definition/streams.ts"
import type { SignalChange } from "./stream-change.ts"
import { eventOf, EVENTS, mayTell, type EffectName, type EventClaims } from "../policy/definition/security-events.ts"
import type { EventRefusal } from "../denials/set-error.ts"
import { resolveSubject, type KnownSubjects, type Target } from "./event-subject.ts"

export interface JudgedEvent {
  /** By its name in the table, or its URI where it is in none: the transmitter's own words. */
  readonly event: string
  readonly effect: EffectName
  readonly targets: readonly Target[]
  /** Milliseconds, when it happened by its transmitter's clock; ahead of us by no more than clocks may differ. */
  readonly at: number
  /** From 0 to 100, of a risk. */
  readonly level: number | null
  /** First digits of the hash of its subject identifier; null where it has none. */
  readonly subject: string | null
  /** Why nothing follows; null where something does, or nothing ever would. */
  readonly because: "event_unknown" | "subject_unknown" | "nothing_to_do" | null
}

/** @param now milliseconds */
export function judgeEvents(
  { events, at, subject }: SecurityEvents,
  stream: StreamDefinition,
  subjects: KnownSubjects,
  now: number,
): readonly JudgedEvent[] | EventRefusal {
  const judged: JudgedEvent[] = []
  for (const [type, claims] of events) {
    const one = judge(type, claims, { at, subject }, stream, subjects, now)
    if ("reason" in one) return one
    judged.push(one)
  }
  return judged
}

function judge(
  type: string,
  claims: EventClaims,
  of: Pick<SecurityEvents, "at" | "subject">,
  stream: StreamDefinition,
  subjects: KnownSubjects,
  now: number,
): JudgedEvent | EventRefusal {
  const name = eventOf(type)
  const { subject: before } = claims
  // Drafts of SSF had it in each event. Two that differ would be read in two ways.
  if (of.subject !== undefined && before !== undefined && canonicalText(of.subject) !== canonicalText(before))
    return { reason: "event_malformed", event: name ?? "event_unknown", what: "it names two subjects" }
  const id = of.subject ?? before
  const nothing = { event: name ?? type, effect: "none", targets: [], level: null, subject: hashOf(id) } as const
  if (name === null) return { ...nothing, at: now, because: "event_unknown" }
  if (!mayTell(stream.events, name)) return { reason: "event_not_allowed", event: name }
  const { weigh, effects } = EVENTS[name]
  const weighed = weigh(claims)
  if (typeof weighed !== "string")
    return { reason: "event_malformed", event: name, what: `${weighed.malformed} of ${name}` }
  const at = timeOf(claims, of.at, now)
  if (at === null) return { reason: "event_malformed", event: name, what: `event_timestamp of ${name}` }
  const effect = stream.effects[name] ?? effects[0]
  // Of whom it may not speak is refused even where nothing would follow.
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

/** The same without what keys that are none of ours would have followed from. */
export function exceptKeys(judged: readonly JudgedEvent[], unknown: ReadonlySet<string>): readonly JudgedEvent[] {
  return judged.map((event): JudgedEvent => {
    const targets = event.targets.filter((target) => target.kind !== "key" || !unknown.has(target.kid))
    if (targets.length > 0 || event.targets.length === 0) return { ...event, targets }
    return { ...event, targets, effect: "none", level: null, because: "subject_unknown" }
  })
}

/** Who is not known is told apart in records, and not named. */
function hashOf(id: unknown): string | null {
  const text = id === undefined ? undefined : canonicalText(id)
  return text === undefined ? null : sha256Hex(text).slice(0, 16)
}

/** From here on a number of seconds would be later than the year 5000; drafts of CAEP counted milliseconds. */
const FIRST_MILLISECONDS = 100_000_000_000

/** As much as a token may be issued ahead of us (credential/signature.ts). */
const CLOCKS_APART_MS = 30_000

/**
 * Milliseconds. What is said to be still to come counts as now, but for what a fast clock makes of it: in that, two
 * events must keep their order, whichever a network brings first.
 * @param otherwise seconds, where the event does not say
 */
function timeOf(claims: EventClaims, otherwise: number, now: number): number | null {
  const { event_timestamp: claimedAt = otherwise } = claims
  if (typeof claimedAt !== "number" || claimedAt < 0) return null
  const at = claimedAt < FIRST_MILLISECONDS ? claimedAt * 1000 : claimedAt
  return at > now + CLOCKS_APART_MS ? now : at
}

/** @param now milliseconds */
export function changesOf(
  judged: readonly JudgedEvent[],
  { risk }: StreamDefinition,
  now: number,
): readonly SignalChange[] {
  return judged.flatMap((event) => event.targets.flatMap((target) => changeOf(event, target, risk.half_life, now)))
}

function changeOf(
  { event, effect, at, level }: JudgedEvent,
  target: Target,
  halfLife: number,
  now: number,
): SignalChange[] {
  if (target.kind === "key") {
    // Whoever has a key writes any time they like: it is pulled as a whole, and for good.
    return effect === "revoke" || effect === "stop" ? [{ kind: "stop", stopped: target, before: null, at }] : []
  }
  switch (effect) {
    case "none":
      return []
    case "risk":
      return [{ kind: "risk", of: target, event, level: level ?? 0, halfLife, at }]
    case "revoke":
      // A session says when it was issued in whole seconds: one of the same second may be from before.
      // And none of tomorrow is stopped, whatever a clock says.
      return [{ kind: "stop", stopped: target, before: (Math.floor(Math.min(at, now) / 1000) + 1) * 1000, at }]
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
  /** Milliseconds; from then on it is refused as too old. */
  readonly until: number
  /** Seconds, when what it tells of happened, as far as it says so for all of its events. */
  readonly at: number
  /** `sub_id` (RFC 9493 3.1); undefined where there is none. */
  readonly subject: unknown
  /** What is told, by the URI of the event's type: at least one. */
  readonly events: readonly (readonly [type: string, told: Readonly<Record<string, unknown>>])[]
}
