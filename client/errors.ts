/** What goes wrong, by a code that programs read. No message contains a token, a proof or a key. */
import type { Denial } from "./denial.ts"
import { toModel } from "./to-model.ts"

/**
 * - `identity_failed`: the agent's identity produced no token, or one that cannot be used
 * - `session_failed`: the user's session produced no token, or one that cannot be used
 * - `issuer_unreachable`: Narrowgate, or what stands before it, did not answer in time, or not at all
 * - `issuer_invalid`: what answered is not that issuer: garbage, or another issuer's metadata
 * - `token_refused`: Narrowgate refused a token; `refusal` says why, and `retryAfter` when it may be tried again
 * - `consent_required`: a `ConsentRequiredError`: a person has to consent first
 * - `task_ended`: the task has been completed, or its last token expired before it could be renewed: open another
 * - `not_completed`: the task could not be ended, because it is quarantined, or its token was revoked
 * - `saved_invalid`: what `resumeTask` got is no saved task, or its key is missing
 * - `insecure_url`: the token would have gone over plain HTTP to another machine
 * - `origin_not_allowed`: the token would have gone to an origin that is not one of the task's `origins`
 * - `redirected`: the answer redirects, and a browser does not show where to
 * - `denied`: the call is denied, and waiting does not help; `denial` says more
 * - `wait_exceeded`: the call is denied still, after `maxWait`; `denial` says more
 */
export type ErrorCode =
  | "identity_failed"
  | "session_failed"
  | "issuer_unreachable"
  | "issuer_invalid"
  | "token_refused"
  | "consent_required"
  | "task_ended"
  | "not_completed"
  | "saved_invalid"
  | "insecure_url"
  | "origin_not_allowed"
  | "redirected"
  | "denied"
  | "wait_exceeded"

/** The token endpoint's own words (RFC 6749, section 5.2). */
export interface OAuthRefusal {
  /** Such as `invalid_client`, `invalid_scope`, `consent_required`, `temporarily_unavailable`. */
  readonly error: string
  readonly description?: string
  readonly status: number
  /** The id of the decision record. */
  readonly decision?: string
  /** Seconds until it may be tried again. */
  readonly retryAfter?: number
}

export class NarrowgateError extends Error {
  override readonly name: string = "NarrowgateError"
  readonly code: ErrorCode
  /** Of `token_refused` and `consent_required`. */
  readonly refusal?: OAuthRefusal

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; refusal?: OAuthRefusal } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined)
    this.code = code
    if (options.refusal) this.refusal = options.refusal
  }
}

/** The task needs the consent of its user, which has not been requested yet. */
export class ConsentRequiredError extends NarrowgateError {
  override readonly name = "ConsentRequiredError"
  /** What is to be consented to, as scopes. */
  readonly scope: string
  /** Where the agent sends a user who is at the browser (`authorization_code`). */
  readonly authorizationEndpoint?: string
  /** Where it requests the consent of a user who is elsewhere (OpenID CIBA), as `onConsent` does. */
  readonly backchannelEndpoint?: string

  constructor(
    refusal: OAuthRefusal,
    consent: Pick<ConsentRequiredError, "scope" | "authorizationEndpoint" | "backchannelEndpoint">,
  ) {
    super("consent_required", `no token: the user has to consent to ${consent.scope}`, { refusal })
    this.scope = consent.scope
    Object.assign(this, consent)
  }
}

/** A call that stays denied. Its message is what a model should read. */
export class DeniedError extends NarrowgateError {
  override readonly name = "DeniedError"
  readonly denial: Denial

  constructor(code: "denied" | "wait_exceeded", denial: Denial, options: { cause?: unknown } = {}) {
    super(code, toModel(denial), options)
    this.denial = denial
  }
}
