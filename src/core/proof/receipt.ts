/**
 * A receipt: a signed statement about one decision, for the agent that it is about. It has the head of the record, which
 * names no person, and the proof that the head is an entry of a log whose checkpoint this deployment has signed.
 */
import type { ProofText, RecordHead } from "./leaf.ts"

export const RECEIPT_TYPE = "narrowgate-receipt+jwt"

/** The claims besides `iss`, `sub`, `iat` and `jti`. */
export interface ReceiptClaims {
  /** The record without the person's fields (core/proof/leaf.ts). */
  readonly record: RecordHead
  readonly log: string
  /** `c2sp.org/tlog-proof@v1`: position, path and signed checkpoint. */
  readonly proof: ProofText
}
