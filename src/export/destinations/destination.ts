/** Where a batch goes. Each kind of destination is one file; none of them retries. */
import type { Signal } from "../../core/policy/definition/sinks.ts"
import type { SinkFailure } from "./failures.ts"

/** A batch in its format, or metrics. */
export interface Parcel {
  readonly signal: Signal
  /** Compressed with gzip. */
  readonly body: Uint8Array<ArrayBuffer>
  readonly contentType: string
  /** Of the file or object. The same records always have the same name, so a repetition replaces what is there. */
  readonly name: string
}

export interface DestinationContext {
  readonly env: Env
  /** By their names in sinks.yaml. */
  readonly secrets: ReadonlyMap<string, string>
  /** Loopback may be reached. */
  readonly local: boolean
}

export type Sent =
  | {
      readonly kind: "accepted"
      /** How many records (spans, data points) the sink has taken and dropped, and what it says. Null: none. */
      readonly dropped: { readonly count: number; readonly message: string } | null
    }
  | {
      readonly kind: "failed"
      readonly failure: SinkFailure
      readonly status: number | null
      /** `Retry-After`, as it was answered. */
      readonly retryAfter: string | null
      /** Which secret is missing, or what the sink calls its error: a name. Null: there is none. */
      readonly detail: string | null
    }

export type Failed = Extract<Sent, { readonly kind: "failed" }>

export const failed = (failure: SinkFailure): Failed => ({
  kind: "failed",
  failure,
  status: null,
  retryAfter: null,
  detail: null,
})
export const withoutSecret = (secret: string): Failed => ({ ...failed("secret_missing"), detail: secret })
export const ACCEPTED: Sent = { kind: "accepted", dropped: null }
