/**
 * Why a Security Event Token is not accepted: reasons with their evidence for the record, and the few error codes of
 * RFC 8935, section 2.4, for its transmitter.
 */
import { brief, REJECTIONS } from "./terms/credential-rejection.ts"
import { plain, TEXT, type DenialOf, type PlainMembers, type Reasoned, type Values } from "./terms/evidence.ts"
import { BECAUSE } from "./oauth/credential.ts"
import { SET_ERROR_CODES, type SetErrorCode } from "./terms/set-error-code.ts"

interface SetErrorReason<E extends PlainMembers = PlainMembers> extends Reasoned<E> {
  /** Null if the rejected credential determines the code. */
  readonly code: SetErrorCode | null
  /** A detail for a transmitter that has sent a malformed token and can fix it. */
  detail?(evidence: Values<E>): string
}
function reason<const E extends PlainMembers>(entry: SetErrorReason<E>): SetErrorReason<E> {
  return entry
}

const WHAT = plain(TEXT, "What is wrong with it.")
const EVENT = plain(TEXT, "The type of the event.")

export const SET_ERRORS = {
  event_request_malformed: reason({
    code: "invalid_request",
    evidence: { what: WHAT },
    doc: "The request is malformed.",
    detail: ({ what }) => what,
  }),
  event_token_rejected: reason({
    code: null,
    evidence: { because: BECAUSE },
    doc: "The token is not valid.",
    // Only the name of a claim: no detail says which part of a signature check failed.
    detail: ({ because }) => ("claim" in because ? `${because.reason} ${because.claim}` : brief(because)),
  }),
  transmitter_unknown: reason({
    code: "authentication_failed",
    evidence: {},
    doc: "The transmitter presents no key of the stream.",
  }),
  event_not_allowed: reason({
    code: "access_denied",
    evidence: { event: EVENT },
    doc: "The stream may not send events of this type.",
  }),
  event_malformed: reason({
    code: "invalid_request",
    evidence: { event: EVENT, what: WHAT },
    doc: "An event is malformed.",
    detail: ({ what }) => what,
  }),
  subject_not_allowed: reason({
    code: "access_denied",
    evidence: {
      event: EVENT,
      subject: plain(TEXT, "First 16 hex digits of the hash of the subject identifier."),
    },
    doc: "The stream may not send events about this subject.",
  }),
  jti_reused: reason({
    code: "invalid_request",
    evidence: { jti: plain(TEXT, "The `jti`.") },
    doc: "The stream has sent another token of this `jti` before.",
  }),
  stops_full: reason({
    code: "unavailable",
    evidence: {},
    doc: "Streams have revoked as much as they may: an operator has to resume some.",
  }),
  stream_too_fast: reason({
    code: "unavailable",
    evidence: {},
    doc: "The stream sends more events in a time than it may.",
  }),
  bundle_unavailable: reason({ code: "unavailable", evidence: {}, doc: "No policy bundle could be loaded." }),
  switches_unavailable: reason({
    code: "unavailable",
    evidence: {},
    doc: "The revocations could not be read or stored.",
  }),
}
export type SetError = DenialOf<typeof SET_ERRORS>

export function setErrorOf(refusal: SetError): { readonly err: SetErrorCode; readonly description: string } {
  const entry: SetErrorReason = SET_ERRORS[refusal.reason]
  const err = entry.code ?? ("because" in refusal ? REJECTIONS[refusal.because.reason].setError : "unavailable")
  const description = SET_ERROR_CODES[err]
  if (err !== "invalid_request") return { err, description }
  return { err, description: `${description}: ${entry.detail?.(refusal) ?? refusal.reason}.` }
}
