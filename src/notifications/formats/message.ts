/**
 * A notice as one receiver is told it: where it goes, with which headers and body. One format each in a file; what keeps
 * one from being made is a value. A receiver whose secret the Worker does not know is told nothing.
 */
import type { Signer } from "../../signing/signing-key.ts"

export interface Message {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** `not_a_signal`: no Security Event Token can say it. `key_unavailable` passes by itself; the others do not. */
export interface FormatError {
  readonly hindrance: "secret_missing" | "secret_malformed" | "not_a_signal" | "key_unavailable"
}

/** What a message is made with, beside what it tells. */
export interface FormatContext {
  /** Our own URL. */
  readonly issuer: string
  /** Of this receiver; null: the Worker knows none. */
  readonly secret: string | null
  /** The key of now; null where none can be had. */
  readonly signer: () => Promise<Signer | null>
  /** Milliseconds. */
  readonly now: number
}
