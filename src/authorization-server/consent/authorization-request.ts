/**
 * The parameters of an authorization request (RFC 6749, section 4.1.1, as in OAuth 2.1; RFC 7636, RFC 8707, RFC 9396, and
 * RFC 9449, section 10). Errors go to the client by redirect, as its redirect URI is validated before.
 */
import type { Bundle } from "../../core/policy/assemble.ts"
import type { AuthorizationClient } from "./client.ts"
import { audienceOf } from "../token/resource-indicator.ts"
import type { CodeTerms } from "../../core/task/authorization-code.ts"
import { requestedText, valueOf, type Parameters } from "../token/parameters.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import { readRequestedGrant, type RequestedAuthority } from "../../core/task/requested-grant.ts"

export interface AuthorizationRequest extends RequestedAuthority {
  readonly client: AuthorizationClient
  readonly audience: string
  readonly terms: CodeTerms
}

/** A SHA-256 digest in base64url. */
const DIGEST = /^[A-Za-z0-9_-]{43}$/
/** RFC 6749, appendix A.5. No client needs a longer one. */
const STATE = /^[\x20-\x7e]{1,2048}$/

/** The `state` that the response returns; null if it is absent or not valid. */
export function stateOf(parameters: Parameters): string | null {
  const state = valueOf(parameters, "state")
  return state !== null && STATE.test(state) ? state : null
}

export function readRequest(
  parameters: Parameters,
  client: AuthorizationClient,
  bundle: Bundle,
): AuthorizationRequest | OAuthFailure {
  for (const parameter of ["request", "request_uri"] as const) {
    if (parameters.has(parameter)) return oauthError({ reason: "request_object_refused", parameter })
  }
  const type = valueOf(parameters, "response_type")
  if (type === null) return oauthError({ reason: "parameter_missing", parameter: "response_type" })
  if (type !== "code") return oauthError({ reason: "response_type_unsupported" })
  const malformed = (what: string): OAuthFailure => oauthError({ reason: "request_malformed", what })
  if ((valueOf(parameters, "response_mode") ?? "query") !== "query") return malformed("response_mode is query alone")
  if (parameters.has("state") && stateOf(parameters) === null) return malformed("state is too long, or not printable")
  const terms = readTerms(parameters, client)
  if (isOAuthFailure(terms)) return terms
  const audience = audienceOf(parameters, client.agent.id, bundle)
  if (typeof audience !== "string") return audience
  const authority = readRequestedGrant(requestedText(parameters))
  return isOAuthFailure(authority) ? authority : { ...authority, client, audience, terms }
}

function readTerms(parameters: Parameters, { redirectUri }: AuthorizationClient): CodeTerms | OAuthFailure {
  const challenge = valueOf(parameters, "code_challenge")
  if (challenge === null) return oauthError({ reason: "parameter_missing", parameter: "code_challenge" })
  // RFC 7636, section 4.3: the default is `plain`, which gives no protection against anyone who sees this request.
  if (valueOf(parameters, "code_challenge_method") !== "S256") {
    return oauthError({ reason: "request_malformed", what: "code_challenge_method is S256, and no other" })
  }
  if (!DIGEST.test(challenge)) return oauthError({ reason: "request_malformed", what: "code_challenge is no SHA-256" })
  const jkt = valueOf(parameters, "dpop_jkt")
  if (jkt !== null && !DIGEST.test(jkt)) {
    return oauthError({ reason: "request_malformed", what: "dpop_jkt is no SHA-256 thumbprint" })
  }
  return { challenge, redirectUri, jkt }
}
