/**
 * `POST /oauth/register` (RFC 7591): a client registers itself, as a public client of the class in `agents.yaml`. That
 * gives it an id and nothing else: each of its tasks needs the consent of a person.
 */
import type { Context } from "hono"
import { isOAuthFailure, oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import { registeredClientId } from "../../core/policy/registered-clients.ts"
import { logEvent } from "../../platform/log.ts"
import { newId } from "../../platform/new-id.ts"
import { newSecret } from "../../platform/secret.ts"
import { clientRegistry } from "../../ledger/registration/client-registry.ts"
import { networkOf } from "../../ledger/registration/network.ts"
import { bundleFor, requestContext, type RequestContext } from "../../request-context.ts"
import { errorResponse, NO_STORE } from "../token/response.ts"
import { recordOAuthError } from "../token/record-error.ts"
import { readMetadata, type ClientMetadata } from "./metadata.ts"

export async function register(c: Context<{ Bindings: Env }>): Promise<Response> {
  const metadata = await readMetadata(c.req.raw)
  const context = requestContext(c.env, (promise) => c.executionCtx.waitUntil(promise))
  const id = newId("dec", context.receivedAt)
  const bundle = await bundleFor(context)
  if (bundle?.registration === null) return c.notFound()
  const result = await registered(c.req.raw, metadata, bundle, context)
  if (!isOAuthFailure(result)) {
    return Response.json(result, { status: 201, headers: { ...NO_STORE, "X-Narrowgate-Decision": id } })
  }
  recordOAuthError(result.refused, null, bundle, id, context)
  return errorResponse(result, id, c.req.raw)
}

async function registered(
  http: Request,
  metadata: ClientMetadata | OAuthFailure,
  bundle: Bundle | null,
  { env, config, receivedAt }: RequestContext,
): Promise<object | OAuthFailure> {
  if (!bundle?.registration) return oauthError({ reason: "unavailable" })
  if (isOAuthFailure(metadata)) return metadata
  const { registration } = bundle
  const id = registeredClientId(config.issuer, registration, newSecret(16))
  const { name, redirectUris, grantTypes } = metadata
  const times = { registeredAt: receivedAt, expiresAt: receivedAt + registration.life * 1_000 }
  const { per_minute, per_day, most } = registration
  try {
    const limit = await clientRegistry(env, registration.class).add(
      id,
      { name, redirectUris, ...times },
      networkOf(http),
      { per_minute, per_day, most },
    )
    if (limit) return oauthError({ reason: "registration_limit", ...limit })
  } catch (error) {
    logEvent("registration_failed", { error: String(error) })
    return oauthError({ reason: "unavailable" })
  }
  logEvent("client_registered", {
    client: id,
    network: networkOf(http) ?? "unknown",
    redirects: redirectUris.join(" "),
  })
  return {
    client_id: id,
    client_id_issued_at: Math.floor(receivedAt / 1_000),
    ...(name !== null && { client_name: name }),
    redirect_uris: redirectUris,
    grant_types: grantTypes,
    response_types: ["code"],
    token_endpoint_auth_method: "none",
  }
}
