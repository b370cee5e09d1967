/**
 * What a stream of events changes of switches and risks, as it reaches the switchboard, and which of two changes of the
 * same subject counts. A stream changes only its own: it removes nothing that an operator or another stream has set.
 * Pure.
 */
import type { Signal, ReportedRisk } from "../guardrails/risk.ts"
import { sha256Hex } from "../encoding/hash.ts"
import { leftBy, type Stopped, type Switch } from "./switch.ts"

/** Old object code may run for minutes beside new Worker code: another version is rejected, not misread. */
export const SIGNAL_VERSION = 2

/** Switches that streams have set; every lease contains them all. */
export const MAX_STREAM_SWITCHES = 10_000
/**
 * A stream has at most this many times the number that are still free: alone it has four fifths, and whatever one or
 * more of them report, a part is left for the others.
 */
export const STREAM_SHARE = 4

/**
 * A removed switch is remembered, because earlier events may still arrive. Beyond this number those that would expire
 * first are forgotten; an earlier event that then comes late sets the switch again, until it is removed again.
 */
export const MAX_LIFTED = 10_000
/**
 * Tokens that are remembered, some 200 bytes each, at most a week. Beyond this the oldest are forgotten: if it is sent
 * again, such a token may set a switch that an operator has removed, but removes none that was set later.
 */
export const MAX_SEEN_TOKENS = 1_000_000

/**
 * 32 days: a session that was issued for longer than 31 is rejected (credentials/session.ts), so that by then no
 * earlier one is left.
 */
export const REVOKED_FOR_MS = 2_764_800_000

/** A subject that can have a risk. */
type AtRisk = { readonly kind: "agent"; readonly agent: string } | { readonly kind: "user"; readonly user: string }

export type SignalChange =
  | {
      readonly kind: "stop"
      readonly stopped: Stopped
      /** Milliseconds since the epoch: revokes authority from before. Null: all authority. */
      readonly before: number | null
      /** Milliseconds since the epoch, when its cause happened. */
      readonly at: number
    }
  | { readonly kind: "lift"; readonly stopped: Stopped; readonly at: number }
  | {
      readonly kind: "risk"
      readonly of: AtRisk
      /** Each kind of event of a stream reports by itself. */
      readonly event: string
      /** From 0 to 100. */
      readonly level: number
      /** Seconds. */
      readonly halfLife: number
      readonly at: number
    }

export type RiskChange = Extract<SignalChange, { readonly kind: "risk" }>
export type StopChange = Exclude<SignalChange, RiskChange>

/** The changes of one token, all or none. */
export interface SignalReport {
  readonly stream: string
  readonly jti: string
  /** Digest of the token: the same token again changes nothing, and another one with its `jti` is rejected. */
  readonly digest: string
  /** Milliseconds since the epoch; later it would be rejected as too old anyway. */
  readonly until: number
  readonly changes: readonly SignalChange[]
}

/** `repeated`: it was stored before. `busy`: the stream sends faster than it may. */
export type SignalOutcome = "kept" | "repeated" | "reused" | "full" | "busy" | "not_understood"

/**
 * A switch that a stream has set. `body` is null if it was removed, which is remembered because earlier events may
 * still arrive.
 */
export interface StreamSwitch {
  readonly id: string
  readonly body: string | null
  /** Milliseconds since the epoch: the later one counts. */
  readonly at: number
  /** Milliseconds since the epoch: afterwards it is forgotten. */
  readonly until: number
}

/**
 * The row of a change. A revocation and a suspension of the same user are two: a user who is enabled again has their
 * new sessions, and not the earlier ones.
 */
export function streamSwitchOf(
  change: StopChange,
  { stream, until }: Pick<SignalReport, "stream" | "until">,
): StreamSwitch {
  const { stopped, at } = change
  const before = change.kind === "stop" ? change.before : null
  const id = `swi_${sha256Hex(JSON.stringify([stream, stopped, before === null])).slice(0, 32)}`
  if (change.kind === "lift") return { id, body: null, at, until }
  const set: Switch = { id, stopped, before }
  return {
    id,
    body: JSON.stringify(set),
    at,
    until: before === null ? Number.MAX_SAFE_INTEGER : before + REVOKED_FOR_MS,
  }
}

/** What decides which of two changes of the same subject counts. */
export interface ChangeWeight {
  /** Milliseconds since the epoch, when it happened. */
  readonly at: number
  /** How strict it is. */
  readonly weight: number
}

/**
 * Whether a change outweighs the stored one. Events state seconds, and a network may deliver two in any order: within
 * one second the stricter one counts.
 */
export function outweighs(previous: ChangeWeight | undefined, { at, weight }: ChangeWeight): boolean {
  return previous === undefined || at > previous.at || (at === previous.at && weight >= previous.weight)
}

/**
 * The row after one more change of the same subject, in whichever order they arrive. What was suspended and is enabled
 * again leaves a revocation of what was given before (`leftBy`).
 * @param now milliseconds; no future session is revoked, whatever a clock says
 */
export function rowAfter(stored: StreamSwitch | undefined, change: StreamSwitch, now: number): StreamSwitch {
  if (stored === undefined) return change
  const [earlier, later] = outweighs(weightOf(stored), weightOf(change)) ? [stored, change] : [change, stored]
  if (earlier.body === null || later.body !== null) return later
  const { id, stopped }: Switch = JSON.parse(earlier.body)
  const left = leftBy({ stopped, before: null }, Math.min(later.at, now))
  return left ? { ...later, body: JSON.stringify({ id, ...left }), until: left.before + REVOKED_FOR_MS } : later
}

function weightOf({ body, at }: StreamSwitch): ChangeWeight {
  const set: Switch | null = body === null ? null : JSON.parse(body)
  return { at, weight: set?.before === null ? 1 : 0 }
}

export function riskOf({ of, level, halfLife, at }: RiskChange): {
  readonly kind: ReportedRisk["kind"]
  readonly name: string
  readonly signal: Signal
} {
  const name = of.kind === "agent" ? of.agent : of.user
  return { kind: of.kind, name, signal: { level, at, halfLife } }
}

/** The stream as the setter of a switch; an operator's name is their issuer and subject. */
export function streamSetter(stream: string): string {
  return `stream|${stream}`
}

/** The source of a stream's risk; that of operators is empty, and names contain no `|`. */
export function sourceOf(stream: string, event: string): string {
  return `${stream}|${event}`
}
