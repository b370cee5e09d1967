/** What became of a token request, on the wire (RFC 6749 5, RFC 8693 2.2). */
import type { ExchangeOutcome, Issued } from "./exchange.ts"
import { describeRefusal, isRefused, oauthErrorOf, statusOf } from "./refusal.ts"

const NO_STORE = { "Cache-Control": "no-store", Pragma: "no-cache" } as const

export function tokenResponse({ result }: ExchangeOutcome, decisionId: string): Response {
  if (isRefused(result)) {
    const { refused } = result
    const status = statusOf(refused)
    const headers = new Headers({ ...NO_STORE, "X-Narrowgate-Decision": decisionId })
    headers.set("X-Narrowgate-Code", oauthErrorOf(refused))
    if (status === 401) headers.set("WWW-Authenticate", 'Bearer error="invalid_client"')
    if (status === 503) headers.set("Retry-After", "5")
    const body = {
      error: oauthErrorOf(refused),
      error_description: describeRefusal(refused),
      decision_id: decisionId,
    }
    return Response.json(body, { status, headers })
  }
  return Response.json(body(result), { headers: { ...NO_STORE, "X-Narrowgate-Decision": decisionId } })
}

function body(issued: Issued): Record<string, unknown> {
  return {
    access_token: issued.token,
    token_type: issued.tokenType,
    expires_in: issued.expiresIn,
    scope: issued.opened.scope,
    task: issued.opened.task,
    purpose: issued.opened.purpose,
    ...(issued.issuedTokenType === null ? {} : { issued_token_type: issued.issuedTokenType }),
  }
}
