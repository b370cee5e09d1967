/**
 * What a stream of events changes of what is stopped and of risks, as it crosses to the switchboard, and how two that
 * are about the same stand to each other. A stream keeps its own: it lifts nothing that an operator or another stream
 * has said. Pure.
 */
import type { Signal, ToldRisk } from "../guardrails/risk.ts"
import { sha256Hex } from "../encoding/hash.ts"
import type { Stopped, Switch } from "./switch.ts"

/** Old object code may run for minutes beside new Worker code: what is of another version is refused, not misread. */
export const SIGNAL_VERSION = 2

/** Switches that streams have set; every lease has them all. */
export const MAX_SIGNALLED = 10_000
/**
 * A stream has at most this many times as many of them as are still free: alone it has four fifths, and whatever one or
 * more of them tell, a part is left for the others.
 */
export const SHARE = 4

/**
 * What was lifted is remembered for what may still come of before, and of more than this the soonest to be forgotten
 * goes: what was stopped before it and comes late then stops, until it is lifted again.
 */
export const MAX_LIFTED = 10_000
/**
 * Tokens that are remembered, some 200 bytes each, at most a week. Of more the oldest are forgotten: told again, one may
 * stop anew whom an operator has let go on, and lifts nothing that was stopped later.
 */
export const MAX_TOLD = 1_000_000

/**
 * 32 days: no session is taken that was made for longer than 31 (credential/session.ts), so that by then nothing is left
 * that was given before.
 */
export const REVOKED_FOR_MS = 2_764_800_000

/** Whom a risk can be of. */
type AtRisk = { readonly kind: "agent"; readonly agent: string } | { readonly kind: "user"; readonly user: string }

export type SignalChange =
  | {
      readonly kind: "stop"
      readonly stopped: Stopped
      /** Milliseconds; null: whenever it was given. */
      readonly before: number | null
      /** Milliseconds, when what makes it so happened. */
      readonly at: number
    }
  | { readonly kind: "lift"; readonly stopped: Stopped; readonly at: number }
  | {
      readonly kind: "risk"
      readonly of: AtRisk
      /** Each kind of event of a stream says it for itself. */
      readonly event: string
      /** From 0 to 100. */
      readonly level: number
      /** Seconds. */
      readonly halfLife: number
      readonly at: number
    }

export type RiskChange = Extract<SignalChange, { readonly kind: "risk" }>
export type StopChange = Exclude<SignalChange, RiskChange>

/** One token's, all or none. */
export interface SignalReport {
  readonly stream: string
  readonly jti: string
  /** What was told under it: the same again changes nothing, another thing is refused. */
  readonly digest: string
  /** Milliseconds; later it would be refused as too old anyway. */
  readonly until: number
  readonly changes: readonly SignalChange[]
}

/** `repeated`: it was kept before. `busy`: the stream tells faster than it may. */
export type SignalOutcome = "kept" | "repeated" | "reused" | "full" | "busy" | "not_understood"

/** What a stream has set of somebody; `body` null: lifted, and remembered for what may still come of before. */
export interface Signalled {
  readonly id: string
  readonly body: string | null
  /** Milliseconds: the later stands. */
  readonly at: number
  /** Milliseconds: afterwards it is forgotten. */
  readonly until: number
}

/**
 * What stands of it. A revocation and a stop of the same user are two: who is enabled again has their new sessions, and
 * not those of before.
 */
export function signalledBy(change: StopChange, { stream, until }: Pick<SignalReport, "stream" | "until">): Signalled {
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

/** What two that are about the same are told apart by. */
export interface Weighed {
  /** Milliseconds, when it happened. */
  readonly at: number
  /** How strict it is. */
  readonly weight: number
}

/**
 * Whether it stands against what is known. Events tell seconds, and a network may bring two in any order: of the same
 * moment the stricter one stands.
 */
export function stands(previous: Weighed | undefined, { at, weight }: Weighed): boolean {
  return previous === undefined || at > previous.at || (at === previous.at && weight >= previous.weight)
}

export function weighed({ body, at }: Pick<Signalled, "body" | "at">): Weighed {
  return { at, weight: body === null ? 0 : 1 }
}

export function riskOf({ of, level, halfLife, at }: RiskChange): {
  readonly kind: ToldRisk["kind"]
  readonly name: string
  readonly signal: Signal
} {
  const name = of.kind === "agent" ? of.agent : of.user
  return { kind: of.kind, name, signal: { level, at, halfLife } }
}

/** As who has set a switch; an operator's is their issuer and subject. */
export function setBy(stream: string): string {
  return `stream|${stream}`
}

/** Of the operators' own it is empty; names have no `|`. */
export function sourceOf(stream: string, event: string): string {
  return `${stream}|${event}`
}
