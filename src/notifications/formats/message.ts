/**
 * A notice in the format of one receiver: its URL, headers and body. Each format is one file. A format returns an error as
 * a value; a receiver whose secret the Worker does not have gets no message.
 */
import type { Signer } from "../../signing/signing-key.ts"

export interface Message {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** `not_a_signal`: there is no security event for this notice. Only `key_unavailable` is worth a retry. */
export interface FormatError {
  readonly hindrance: "secret_missing" | "secret_malformed" | "not_a_signal" | "key_unavailable"
}

/** What a format needs besides the notice. */
export interface FormatContext {
  /** Our own URL. */
  readonly issuer: string
  /** The secret of this receiver; null if the Worker has none. */
  readonly secret: string | null
  /** The current signing key; null if it is unavailable. */
  readonly signer: () => Promise<Signer | null>
  /** Milliseconds. */
  readonly now: number
}
