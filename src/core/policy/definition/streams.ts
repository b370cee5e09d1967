/** `streams.yaml`: the transmitters that report events to us, about whom, and with which effects. */
import type { EffectName, EventName, Level } from "./security-events.ts"
import type { KeySource } from "./keys.ts"

/** A stream of Security Event Tokens that a transmitter pushes to us (RFC 8935, src/revocation/events-endpoint.ts). */
export interface StreamDefinition {
  readonly id: string
  /** Exact `iss` of its tokens. */
  readonly issuer: string
  /**
   * Our names in its `aud`, one of which is in each token; together with `issuer` it identifies the stream of a token.
   */
  readonly audiences: readonly string[]
  readonly keys: KeySource
  readonly algorithms: readonly string[]
  /** Lower-case hex SHA-256 of each bearer key that its transmitter may present. Empty if it needs none. */
  readonly key_sha256: readonly string[]
  /** The events that it may report, apart from verification and updates of the stream. */
  readonly events: readonly EventName[]
  readonly about: {
    /** People of these issuers, by `id`; `by`: the subject formats whose value is the issuer's `claims.subject`. */
    readonly users: readonly { readonly issuer: string; readonly by: readonly ValueFormat[] }[]
    /** Agents' ids; `*`: all that are registered. */
    readonly agents: readonly string[]
    /** Our own signing keys. */
    readonly keys: boolean
  }
  /** Effects that differ from the defaults. */
  readonly effects: Readonly<Partial<Record<EventName, EffectName>>>
  /** The risk of each level, 0 to 100, and the seconds in which it halves. */
  readonly risk: Readonly<Record<Level, number>> & { readonly half_life: number }
  /** `observe`: verify and record, but change nothing. */
  readonly mode: "enforce" | "observe"
}

/** Formats with one value, and the member that contains it. */
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
