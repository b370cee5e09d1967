/** One reason for an OAuth error: everything about it, in one place. */
import type { PlainMembers, Reasoned, Values } from "../terms/evidence.ts"

/** The error codes of the authorization server, and their HTTP status at the token endpoint. */
export const OAUTH_CODES = {
  // RFC 6749, sections 4.1.2.1 and 5.2.
  invalid_request: 400,
  // RFC 6749, section 5.2: the client did not authenticate.
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  unsupported_response_type: 400,
  invalid_scope: 400,
  access_denied: 400,
  temporarily_unavailable: 503,
  // RFC 8707, section 2.
  invalid_target: 400,
  // RFC 9396, section 5.
  invalid_authorization_details: 400,
  // RFC 9449, section 5.
  invalid_dpop_proof: 400,
  // OpenID Connect Core, section 3.1.2.6.
  request_not_supported: 400,
  request_uri_not_supported: 400,
  consent_required: 400,
  // OpenID CIBA, sections 11 and 13.
  authorization_pending: 400,
  slow_down: 400,
  expired_token: 400,
  invalid_binding_message: 400,
  unknown_user_id: 400,
  // RFC 7591, section 3.2.2.
  invalid_redirect_uri: 400,
  invalid_client_metadata: 400,
  // Our own: an agent has too many tasks open, or too many clients register.
  rate_limited: 429,
} as const
export type OAuthCode = keyof typeof OAUTH_CODES

export interface OAuthReason<E extends PlainMembers = PlainMembers> extends Reasoned<E> {
  readonly error: OAuthCode
  /**
   * A sentence for the client. Scopes and caps concern its own request; nothing here says why a signature is not
   * accepted.
   */
  description(evidence: Values<E>): string
}

export function reason<const E extends PlainMembers>(entry: OAuthReason<E>): OAuthReason<E> {
  return entry
}
