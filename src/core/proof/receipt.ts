/**
 * A receipt: a signed statement about one decision, for the agent that it is about. It has what that agent may know of the
 * record, which names no person, the hash of the record's entry, and the proof that this entry is in a log whose checkpoint
 * this deployment has signed.
 */
import type { FieldName } from "../record/fields.ts"
import type { Members, ProofText, RecordHead } from "./leaf.ts"

export const RECEIPT_TYPE = "narrowgate-receipt+jwt"

/** The claims besides `iss`, `sub`, `iat` and `jti`. */
export interface ReceiptClaims {
  /** For an operator the head of the record, from which the hash of the entry follows (core/proof/leaf.ts). */
  readonly record: Members
  /** Hash of the entry, in base64. */
  readonly leaf: string
  readonly log: string
  /** `c2sp.org/tlog-proof@v1`: position, path and signed checkpoint. */
  readonly proof: ProofText
}

/** An agent knows these from its own requests. What determined the decision would help it to probe the policies. */
const KNOWN_TO_AGENT: ReadonlySet<string> = new Set<FieldName>([
  "id",
  "at",
  "kind",
  "method",
  "tool",
  "action",
  "decision",
  "code",
  "scope",
  "task",
  "purpose",
  "audience",
  "chain",
  "arguments_hash",
  "bound",
  "trace",
])

export const knownToAgent = (head: RecordHead): Members =>
  Object.fromEntries(Object.entries(head).filter(([name]) => KNOWN_TO_AGENT.has(name)))
