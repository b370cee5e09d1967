/**
 * Why a Security Event Token is not taken, rich for the record, and the few words of RFC 8935 2.4 that its transmitter
 * gets. One table.
 */
import { brief, type CredentialRejection } from "./credential-rejection.ts"

export type EventRefusal =
  | { readonly reason: "event_request_malformed"; readonly what: string }
  | { readonly reason: "event_token_rejected"; readonly because: CredentialRejection }
  /** It shows no key, or none of the stream's. */
  | { readonly reason: "transmitter_unknown" }
  | { readonly reason: "event_not_allowed"; readonly event: string }
  | { readonly reason: "event_malformed"; readonly event: string; readonly what: string }
  /** Hash of the subject identifier. */
  | { readonly reason: "subject_not_allowed"; readonly event: string; readonly subject: string }
  /** Something else was told under that `jti`. */
  | { readonly reason: "jti_reused"; readonly jti: string }
  /** More is stopped by streams than may be: an operator has to lift some. */
  | { readonly reason: "stops_full" }
  /** It tells more in a time than it may. */
  | { readonly reason: "stream_too_fast" }
  | { readonly reason: "bundle_unavailable" }
  | { readonly reason: "switches_unavailable" }

/** RFC 8935 2.4, and what is our own fault. */
type ErrorCode =
  | "invalid_request"
  | "invalid_key"
  | "invalid_issuer"
  | "invalid_audience"
  | "authentication_failed"
  | "access_denied"
  | "unavailable"

const DESCRIPTION_OF: Readonly<Record<ErrorCode, string>> = {
  invalid_request: "The request is no Security Event Token that can be taken",
  invalid_key: "The token is not signed by a key that the stream may sign with.",
  invalid_issuer: "There is no stream of this issuer.",
  invalid_audience: "The token is for nobody here.",
  authentication_failed: "The transmitter has to present its key.",
  access_denied: "The stream may not tell that, or not of this subject.",
  unavailable: "It is not certain that this holds: send it again.",
}

export function errorOf(refusal: EventRefusal): { readonly err: ErrorCode; readonly description: string } {
  const err = codeOf(refusal)
  const description = DESCRIPTION_OF[err]
  return { err, description: err === "invalid_request" ? `${description}: ${detailOf(refusal)}.` : description }
}

function codeOf(refusal: EventRefusal): ErrorCode {
  switch (refusal.reason) {
    case "event_request_malformed":
    case "event_malformed":
    case "jti_reused":
      return "invalid_request"
    case "event_token_rejected":
      return codeOfRejection(refusal.because)
    case "transmitter_unknown":
      return "authentication_failed"
    case "event_not_allowed":
    case "subject_not_allowed":
      return "access_denied"
    case "stops_full":
    case "stream_too_fast":
    case "bundle_unavailable":
    case "switches_unavailable":
      return "unavailable"
    default:
      return refusal satisfies never
  }
}

/** None says which part of a signature check failed. */
function codeOfRejection({ reason }: CredentialRejection): ErrorCode {
  switch (reason) {
    case "issuer_unknown":
      return "invalid_issuer"
    case "audience_mismatch":
      return "invalid_audience"
    case "algorithm_refused":
    case "key_unknown":
    case "signature_invalid":
      return "invalid_key"
    case "keys_unavailable":
      return "unavailable"
    default:
      return "invalid_request"
  }
}

/** What its transmitter has sent itself, and can fix. */
function detailOf(refusal: EventRefusal): string {
  switch (refusal.reason) {
    case "event_request_malformed":
    case "event_malformed":
      return refusal.what
    case "event_token_rejected":
      return "claim" in refusal.because ? `${refusal.because.reason} ${refusal.because.claim}` : brief(refusal.because)
    default:
      return refusal.reason
  }
}
