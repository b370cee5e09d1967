/**
 * Introspection (RFC 7662) and revocation (RFC 7009) of a delegation token by its authenticated agent; revocation also of
 * a refresh token. The answer for another agent's token is the one for a token that does not exist.
 */
import type { Context } from "hono"
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { notRevokedRecord } from "../core/record/token-record.ts"
import { recordOf, type DecisionRecord } from "../core/record/record.ts"
import { verifyDelegationToken, type DelegationClaims, type VerifiedToken } from "../credentials/delegation-token.ts"
import { codeOf, isDenied } from "../core/denials/denial.ts"
import { sha256Hex } from "../core/encoding/hash.ts"
import { askLedger } from "../ledger/ask.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { bundleFor, requestContext, type RequestContext } from "../request-context.ts"
import { currentSwitches } from "../revocation/lease.ts"
import { stopOf } from "../revocation/token-stop.ts"
import { authenticateAgent, authenticateClient, type RequestingClient } from "./token/client-authentication.ts"
import { refuseReplay } from "./token/replay-log.ts"
import { readParameters, valueOf, type Parameters } from "./token/parameters.ts"
import { recordOAuthError } from "./token/record-error.ts"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../core/denials/oauth-error.ts"
import { newId } from "../platform/new-id.ts"
import { errorResponse } from "./token/response.ts"
import { readRefreshToken, type RefreshToken } from "./token/opaque-token.ts"

/** A request of an authenticated client about a token. */
interface TokenQuery {
  readonly client: RequestingClient
  /** Null unless it is a delegation token of ours with a valid signature that has not expired. */
  readonly token: VerifiedToken | null
  /** Null if it does not have the form of a refresh token. */
  readonly refresh: RefreshToken | null
  /** The record of this request, so far. */
  readonly record: DecisionRecord
}

const NO_STORE = { "Cache-Control": "no-store", Pragma: "no-cache" } as const

export async function introspect(c: Context<{ Bindings: Env }>): Promise<Response> {
  return answer(c, "management", authenticateAgent, async ({ client: { agent }, token, record }, context) => {
    const recorded = (record: DecisionRecord, body: Record<string, unknown>): Record<string, unknown> => {
      recordAtEdge(context.env, record, context.background)
      return body
    }
    if (!token) return recorded(record, INACTIVE)
    // A token that a switch stops at the gateway is not active, even if its ledger says so.
    const stopped = stopOf(await currentSwitches(context), token, null)
    if (stopped?.reason === "switches_unavailable") return oauthError({ reason: "unavailable" })
    if (stopped) return recorded({ ...record, decision: "deny", code: codeOf(stopped), denial: stopped }, INACTIVE)
    const { jti, task } = token.claims
    const found = await askLedger(context.env, task, async (ledger) => ({
      active: await ledger.isActive(jti, task, agent),
    }))
    if (!found) return oauthError({ reason: "unavailable" })
    return recorded(record, found.active ? describe(token.claims) : INACTIVE)
  })
}

const INACTIVE = { active: false }

export async function revoke(c: Context<{ Bindings: Env }>): Promise<Response> {
  // A public client may revoke the tokens that it presents (RFC 7009, section 2.1).
  return answer(c, "end", authenticateClient, async ({ client, token, refresh, record }, context) => {
    // The answer is the one for a revoked token, so that an agent learns nothing of another's; the record tells it.
    const { agent } = client
    const nothing = (): null => {
      recordAtEdge(context.env, notRevokedRecord(record, client), context.background)
      return null
    }
    if (refresh) {
      const done = await askLedger(context.env, refresh.root, async (ledger) => ({
        ended: await ledger.revokeRefreshTokens(refresh.root, sha256Hex(refresh.family), agent, record),
      }))
      if (!done) return oauthError({ reason: "unavailable" })
      return done.ended ? null : nothing()
    }
    if (!token) return nothing()
    const { jti, task } = token.claims
    const done = await askLedger(context.env, task, async (ledger) => ({
      revoked: await ledger.revokeToken(jti, task, agent, record),
    }))
    if (!done) return oauthError({ reason: "unavailable" })
    return done.revoked ? null : nothing()
  })
}

/** RFC 7662, section 2.2, and RFC 8693, section 4. */
function describe({ cnf, ...claims }: DelegationClaims): Record<string, unknown> {
  return { active: true, ...claims, token_type: cnf ? "DPoP" : "Bearer", ...(cnf ? { cnf } : {}) }
}

async function answer(
  c: Context<{ Bindings: Env }>,
  kind: "management" | "end",
  authenticate: typeof authenticateAgent,
  work: (question: TokenQuery, context: RequestContext) => Promise<Record<string, unknown> | OAuthFailure | null>,
): Promise<Response> {
  const parameters = await readParameters(c.req.raw)
  const context = requestContext(c.env, (promise) => c.executionCtx.waitUntil(promise))
  const id = newId("dec", context.receivedAt)
  const bundle = await bundleFor(context)
  const question = bundle
    ? await readQuestion(parameters, kind, authenticate, id, bundle, context)
    : oauthError({ reason: "unavailable" })
  const result = isOAuthFailure(question) ? question : await work(question, context)
  if (result && isOAuthFailure(result)) {
    const client = isOAuthFailure(question) ? null : question.client
    recordOAuthError(result.refused, client, bundle, id, context)
    return errorResponse(result, id, c.req.raw)
  }
  const headers = { ...NO_STORE, "X-Narrowgate-Decision": id }
  return result === null ? new Response(null, { status: 200, headers }) : Response.json(result, { headers })
}

async function readQuestion(
  parameters: Parameters | OAuthFailure,
  kind: "management" | "end",
  authenticate: typeof authenticateAgent,
  id: string,
  bundle: Bundle,
  context: RequestContext,
): Promise<TokenQuery | OAuthFailure> {
  if (isOAuthFailure(parameters)) return parameters
  const proven = await authenticate(parameters, bundle, context)
  if (isOAuthFailure(proven)) return proven
  const text = valueOf(parameters, "token")
  if (text === null) return oauthError({ reason: "parameter_missing", parameter: "token" })
  const { keys, config, receivedAt } = context
  const verified = await verifyDelegationToken(text, keys, config.issuer, bundle.audiences, receivedAt)
  if (isDenied(verified) && verified.denied.reason === "keys_unavailable") return oauthError({ reason: "unavailable" })
  const reused = await refuseReplay(proven.once, context)
  if (reused) return reused
  const token = isDenied(verified) ? null : verified
  const { agent } = proven
  const fields = { decision: "allow", code: "ok", chain: [agent], task: token?.claims.task ?? null } as const
  const record = recordOf({ id, at: receivedAt, kind, bundle: bundle.pointer, ...fields })
  return { client: proven, token, refresh: readRefreshToken(context.env, text), record }
}
