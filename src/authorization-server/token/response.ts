/** The response to a token request (RFC 6749, section 5; RFC 8693, section 2.2). */
import type { ExchangeOutcome } from "./grant-types.ts"
import { isBasic } from "./parameters.ts"
import type { SignedToken } from "../../signing/sign-delegation-token.ts"
import {
  describeOAuthError,
  isOAuthFailure,
  oauthErrorOf,
  statusOf,
  type OAuthFailure,
} from "../../core/denials/oauth-error.ts"

export const NO_STORE = { "Cache-Control": "no-store", Pragma: "no-cache" } as const

export function tokenResponse({ result }: ExchangeOutcome, decisionId: string, http: Request): Response {
  if (isOAuthFailure(result)) return errorResponse(result, decisionId, http)
  return Response.json(body(result), { headers: { ...NO_STORE, "X-Narrowgate-Decision": decisionId } })
}

export function errorResponse(
  { refused: refusal, hint }: OAuthFailure,
  decisionId: string,
  { headers: sent }: Request,
): Response {
  const status = statusOf(refusal)
  const error = oauthErrorOf(refusal)
  const headers = new Headers({ ...NO_STORE, "X-Narrowgate-Decision": decisionId, "X-Narrowgate-Code": error })
  // RFC 6749, section 5.2: by the scheme that the client has used.
  if (status === 401) headers.set("WWW-Authenticate", isBasic(sent) ? BASIC : 'Bearer error="invalid_client"')
  if (status === 503) headers.set("Retry-After", "5")
  if ("retry_after" in refusal) headers.set("Retry-After", String(refusal.retry_after))
  const body = {
    error,
    error_description: describeOAuthError(refusal, hint),
    ...(refusal.reason === "consent_required" && { scope: refusal.scope }),
    decision_id: decisionId,
  }
  return Response.json(body, { status, headers })
}

/** RFC 7617, section 2. */
const BASIC = 'Basic realm="narrowgate", charset="UTF-8"'

function body(issued: SignedToken): Record<string, unknown> {
  return {
    access_token: issued.token,
    token_type: issued.tokenType,
    expires_in: issued.expiresIn,
    limited_by: issued.opened.limitedBy,
    task_expires_in: Math.max(0, Math.floor((issued.opened.taskExpiresAt - issued.opened.issuedAt) / 1000)),
    task_limited_by: issued.opened.taskLimitedBy,
    ...(issued.refreshToken === null ? {} : { refresh_token: issued.refreshToken }),
    scope: issued.opened.scope,
    task: issued.opened.task,
    purpose: issued.opened.purpose,
    ...(issued.opened.details === null ? {} : { authorization_details: issued.opened.details }),
    ...(issued.issuedTokenType === null ? {} : { issued_token_type: issued.issuedTokenType }),
  }
}
