/** The token endpoint of agents: `POST /oauth/token`. Every result is recorded, issued or not. */
import type { Context } from "hono"
import { bundleFor, requestContext } from "../../request-context.ts"
import { exchange, type ExchangeOutcome } from "./grant-types.ts"
import { readParameters } from "./parameters.ts"
import { recordOAuthError } from "./record-error.ts"
import { isOAuthFailure, oauthError } from "../../core/denials/oauth-error.ts"
import { newId } from "../../platform/new-id.ts"
import { traceOf } from "./stamp.ts"
import { tokenResponse } from "./response.ts"

export async function token(c: Context<{ Bindings: Env }>): Promise<Response> {
  // First of all: if a body trickles in, the request must not be decided by the facts from its beginning.
  const parameters = await readParameters(c.req.raw)
  const context = requestContext(c.env, (promise) => c.executionCtx.waitUntil(promise))
  const id = newId("dec", context.receivedAt)
  const bundle = await bundleFor(context)
  const outcome: ExchangeOutcome = bundle
    ? await exchange(c.req.raw, parameters, bundle, context, id)
    : { client: null, result: oauthError({ reason: "unavailable" }) }
  const { client, result } = outcome
  if (isOAuthFailure(result)) recordOAuthError(result.refused, client, bundle, id, context, traceOf(c.req.raw))
  return tokenResponse(outcome, id, c.req.raw)
}
