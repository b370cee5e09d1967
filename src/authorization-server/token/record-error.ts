/**
 * The record of a request that the authorization server rejected. Its `chain` names only a client that has
 * authenticated with this very request. If another request has used up the assertion (RFC 7523, section 3, item 7),
 * anyone who saw it could have repeated it.
 */
import { recordAtEdge } from "../../audit/edge-recorder.ts"
import { oauthErrorRecord } from "../../core/record/token-record.ts"
import { recordOf, type DecisionRecord } from "../../core/record/record.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import type { RequestContext } from "../../request-context.ts"
import type { RequestingClient } from "./client-authentication.ts"
import { isFirstUse } from "./replay-log.ts"
import type { OAuthError } from "../../core/denials/oauth-error.ts"

/**
 * @param client null if the request does not name one
 * @param more further known fields: the person at their browser
 */
export function recordOAuthError(
  refusal: OAuthError,
  client: RequestingClient | null,
  bundle: Bundle | null,
  decisionId: string,
  context: RequestContext,
  more: Partial<DecisionRecord> = {},
): void {
  const { env, receivedAt, background } = context
  const now = Date.now()
  const keep = (by: RequestingClient | null): void => {
    const record = oauthErrorRecord(refusal, by, bundle?.pointer ?? null, decisionId, receivedAt, now)
    recordAtEdge(env, recordOf({ ...record, ...more }), background)
  }
  if (!client?.isProven || client.once.length === 0) return keep(client)
  // The client may send the same request again when the outage is over.
  if (refusal.reason === "unavailable") return keep({ ...client, isProven: false })
  background(isFirstUse(client.once, context).then((isProven) => keep({ ...client, isProven })))
}
