/** `streams.yaml`: who tells us what happens elsewhere, about whom, and what follows from it. */
import type { EffectName, EventName, Level } from "./security-events.ts"
import type { KeySource } from "./keys.ts"

/** A stream of Security Event Tokens that a transmitter pushes to us (RFC 8935, src/revocation/events-endpoint.ts). */
export interface StreamDefinition {
  readonly id: string
  /** Exact `iss` of its tokens. */
  readonly issuer: string
  /** `aud` that we have in it, one of which is in each token; with `issuer` it says which stream a token is of. */
  readonly audiences: readonly string[]
  readonly keys: KeySource
  readonly algorithms: readonly string[]
  /** Lower-case hex SHA-256 of each bearer key that its transmitter may present; none: it need not. */
  readonly key_sha256: readonly string[]
  /** What it may tell of; verification and updates of the stream besides. */
  readonly events: readonly EventName[]
  readonly about: {
    /** People of these issuers, by `id`; `by`: which formats of subject name one as the issuer's `claims.subject` does. */
    readonly users: readonly { readonly issuer: string; readonly by: readonly ValueFormat[] }[]
    /** Agents' ids; `*`: all that are registered. */
    readonly agents: readonly string[]
    /** Signing keys of ours. */
    readonly keys: boolean
  }
  /** Other effects than the usual ones. */
  readonly effects: Readonly<Partial<Record<EventName, EffectName>>>
  /** What each level counts for, 0 to 100, and the seconds in which half of it is gone. */
  readonly risk: Readonly<Record<Level, number>> & { readonly half_life: number }
  /** `observe`: verify and record, but change nothing. */
  readonly mode: "enforce" | "observe"
}

/** Formats with one value, and the member that holds it. */
export const VALUE_OF = {
  iss_sub: "sub",
  email: "email",
  opaque: "id",
  account: "uri",
  phone_number: "phone_number",
  did: "url",
  uri: "uri",
} as const satisfies Readonly<Record<string, string>>

export type ValueFormat = keyof typeof VALUE_OF

export const isValueFormat = (format: string): format is ValueFormat => Object.hasOwn(VALUE_OF, format)

export const VALUE_FORMATS = Object.keys(VALUE_OF).filter(isValueFormat)
