/**
 * The error codes for the transmitter of a Security Event Token: those of RFC 8935, section 2.4, and `unavailable` for
 * faults of the receiver.
 */
export const SET_ERROR_CODES = {
  invalid_request: "The request is no Security Event Token that can be taken",
  invalid_key: "The token is not signed by a key that the stream may sign with.",
  invalid_issuer: "There is no stream of this issuer.",
  invalid_audience: "The token is for nobody here.",
  authentication_failed: "The transmitter has to present its key.",
  access_denied: "The stream may not tell that, or not of this subject.",
  unavailable: "It is not certain that this holds: send it again.",
} as const
export type SetErrorCode = keyof typeof SET_ERROR_CODES
