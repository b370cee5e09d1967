/** Why a service rejects a request: a code for programs, a sentence for people, and the answer in the form of RFC 6750. */

interface Rejection {
  readonly status: 400 | 401 | 403 | 413 | 503
  /** The error of RFC 6750, section 3.1; null: none fits, or the request has no credential. */
  readonly error: "invalid_request" | "invalid_token" | "insufficient_scope" | null
  readonly sentence: string
}

const REJECTIONS = {
  missing_token: { status: 401, error: null, sentence: "A Transaction Token is required." },
  invalid_token: { status: 401, error: "invalid_token", sentence: "The Transaction Token is not valid." },
  expired_token: { status: 401, error: "invalid_token", sentence: "The Transaction Token has expired." },
  wrong_audience: { status: 401, error: "invalid_token", sentence: "The Transaction Token is for another audience." },
  replayed_token: { status: 401, error: "invalid_token", sentence: "The decision has been used already." },
  missing_identity: { status: 401, error: null, sentence: "The gateway's identity headers are required." },
  invalid_identity: { status: 401, error: "invalid_token", sentence: "The identity headers cannot be read." },
  tool_mismatch: { status: 403, error: "insufficient_scope", sentence: "Another call was allowed than this one." },
  arguments_mismatch: {
    status: 403,
    error: "insufficient_scope",
    sentence: "The call was allowed with other arguments.",
  },
  arguments_unseen: {
    status: 403,
    error: "insufficient_scope",
    sentence: "The call was allowed without a look at all of its arguments.",
  },
  malformed_call: { status: 400, error: "invalid_request", sentence: "The request can be read in more than one way." },
  body_too_long: { status: 413, error: null, sentence: "The body is too long." },
  unavailable: { status: 503, error: null, sentence: "The caller cannot be verified now." },
} as const satisfies Readonly<Record<string, Rejection>>

/**
 * - `missing_token`, `missing_identity`: the request did not come through the gateway
 * - `invalid_token`: no Transaction Token of this issuer, in form, type, algorithm or signature
 * - `expired_token`, `wrong_audience`, `replayed_token`: one, but not for this service, not now, or not again
 * - `invalid_identity`: an identity header that Narrowgate does not write so
 * - `tool_mismatch`: what was allowed is another tool, or this request is no tool of the service
 * - `arguments_mismatch`: the request was changed after it was allowed
 * - `arguments_unseen`: the gateway did not show all arguments to Narrowgate (`unhashed` accepts that)
 * - `malformed_call`, `body_too_long`: the request itself
 * - `unavailable`: Narrowgate's keys, or the store of replays, are out of reach
 */
export type RejectionCode = keyof typeof REJECTIONS

/** Thrown for a request whose caller is not proven. No message contains a token. */
export class CallRejectedError extends Error {
  override readonly name = "CallRejectedError"
  readonly code: RejectionCode
  /** The HTTP status of the answer. */
  readonly status: number

  /** @param cause what was wrong, for the service's own log: the client does not get it */
  constructor(code: RejectionCode, cause?: unknown) {
    super(REJECTIONS[code].sentence, cause === undefined ? undefined : { cause })
    this.code = code
    this.status = REJECTIONS[code].status
  }
}

/** An answer, in values that each framework can send. */
export interface RejectionAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: { readonly error: RejectionCode; readonly error_description: string }
}

/** Seconds. */
const RETRY_AFTER_OUTAGE = "5"

/** The answer to a rejected request (RFC 6750, section 3). An error of any other kind is thrown again. */
export function rejectionAnswer(thrown: unknown): RejectionAnswer {
  if (!(thrown instanceof CallRejectedError)) throw thrown
  const { code } = thrown
  const { status, error, sentence }: Rejection = REJECTIONS[code]
  const isChallenge = status === 401 || error !== null
  const challenge = error === null ? "Bearer" : `Bearer error="${error}", error_description="${sentence}"`
  return {
    status,
    headers: {
      "Cache-Control": "no-store",
      ...(isChallenge && { "WWW-Authenticate": challenge }),
      ...(status === 503 && { "Retry-After": RETRY_AFTER_OUTAGE }),
    },
    body: { error: code, error_description: sentence },
  }
}
