/**
 * Why the authorization server answers with an error: each reason with its evidence, and the OAuth error that the
 * client gets (RFC 6749, section 5.2; RFC 8693, section 2.2.2; RFC 8707, section 2; RFC 9396, section 5).
 */
import type { CredentialRejection } from "./terms/credential-rejection.ts"
import type { DenialOf } from "./terms/evidence.ts"
import { CONSENT_ERRORS } from "./oauth/consent.ts"
import { CREDENTIAL_ERRORS } from "./oauth/credential.ts"
import { GRANT_ERRORS } from "./oauth/grant.ts"
import { OAUTH_CODES, type OAuthCode, type OAuthReason } from "./oauth/reason.ts"
import { REGISTRATION_ERRORS } from "./oauth/registration.ts"
import { REQUEST_ERRORS } from "./oauth/request.ts"

export type { CapSource, NothingLeft } from "./oauth/grant.ts"
export { TOO_MANY_SCOPES } from "./oauth/request.ts"

export const OAUTH_ERRORS = {
  ...REQUEST_ERRORS,
  ...REGISTRATION_ERRORS,
  ...CREDENTIAL_ERRORS,
  ...GRANT_ERRORS,
  ...CONSENT_ERRORS,
}

export type OAuthError = DenialOf<typeof OAUTH_ERRORS>

export interface OAuthFailure {
  readonly refused: OAuthError
  /** A sentence for the client that follows from what it has sent alone. Not recorded: the record says more. */
  readonly hint?: string
}

export function oauthError(refusal: OAuthError): OAuthFailure {
  return { refused: refusal }
}

/**
 * If the issuer's keys are unavailable, the client is not at fault and may try again. An agent that has been proven
 * learns what is wrong with a user's token that it presents.
 */
export function credentialError(
  reason: "agent_unauthenticated" | "subject_rejected" | "assertion_rejected" | "person_refused",
  because: CredentialRejection,
): OAuthFailure {
  if (because.reason === "keys_unavailable") return oauthError({ reason: "unavailable" })
  const isForeign = reason === "subject_rejected" || reason === "assertion_rejected"
  return { ...oauthError({ reason, because }), ...(isForeign && { hint: hintOf(because) }) }
}

/** One sentence for all of them: to distinguish them would disclose which keys and issuers are known here. */
const BY_ISSUER: ReadonlySet<CredentialRejection["reason"]> = new Set([
  "issuer_unknown",
  "algorithm_refused",
  "key_unknown",
  "signature_invalid",
])

function hintOf(because: CredentialRejection): string {
  if (BY_ISSUER.has(because.reason)) return "No issuer that is known here has signed it."
  return "claim" in because ? `Reason: ${because.reason}, ${because.claim}.` : `Reason: ${because.reason}.`
}

export function isOAuthFailure(outcome: object): outcome is OAuthFailure {
  return "refused" in outcome
}

export function oauthErrorOf(refusal: OAuthError): OAuthCode {
  if (refusal.reason === "request_object_refused") return `${refusal.parameter}_not_supported`
  return OAUTH_ERRORS[refusal.reason].error
}

export function statusOf(refusal: OAuthError): (typeof OAUTH_CODES)[OAuthCode] {
  return OAUTH_CODES[oauthErrorOf(refusal)]
}

export function describeOAuthError(refusal: OAuthError, hint?: string): string {
  const entry: OAuthReason = OAUTH_ERRORS[refusal.reason]
  const description = entry.description(refusal)
  return hint === undefined ? description : `${description} ${hint}`
}
