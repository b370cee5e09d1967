/**
 * The client of an authorization request, and its redirect URI. Until both are validated, errors are shown on a page and
 * the user is not redirected (RFC 6749, section 4.1.2.1).
 */
import { clientDocument, type ClientDocument } from "../../credentials/client-document.ts"
import { shownName } from "../../core/denials/terms/credential-rejection.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import type { AgentDefinition, ClientDefinition } from "../../core/policy/definition/agents.ts"
import type { RequestContext } from "../../request-context.ts"
import { registrationOf } from "../../ledger/registration/registration.ts"
import { valueOf, type Parameters } from "../token/parameters.ts"
import { isRegistered } from "../../core/encoding/redirect-uri.ts"
import { oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"

export interface AuthorizationClient {
  readonly agent: AgentDefinition
  readonly redirectUri: string
  /** The `client_name` of its metadata document or registration; null if it has none. */
  readonly claimedName: string | null
  /** Whether the client must authenticate when it redeems the code. */
  readonly isProven: boolean
}

export async function authorizationClient(
  parameters: Parameters,
  { agents, registration }: Bundle,
  context: RequestContext,
): Promise<AuthorizationClient | OAuthFailure> {
  const named = valueOf(parameters, "client_id")
  const agent = named === null ? undefined : agents.get(named)
  if (!agent?.client) return oauthError({ reason: "client_unknown", client: shownName(named) })
  const { client } = agent
  const registered = client.registered === true ? await registrationOf(agent.id, registration, context) : null
  if (client.registered === true && !registered) return oauthError({ reason: "client_unknown", client: agent.id })
  const document = client.metadata === true ? await clientDocument(agent.id, context.fetchContext) : null
  if (document && "problem" in document) {
    return oauthError({ reason: "client_document_refused", client: agent.id, what: document.problem })
  }
  if (document && lacksProof(agent, client, document)) {
    const what = "it has no keys, and has to prove who it is"
    return oauthError({ reason: "client_document_refused", client: agent.id, what })
  }
  const known = client.redirect_uris ?? document?.redirectUris ?? registered?.redirectUris ?? []
  const redirectUri = redirectUriOf(parameters, known)
  if (typeof redirectUri !== "string") return redirectUri
  const isProven = client.authentication === "identity" || (document !== null && document.identity !== null)
  return { agent, redirectUri, claimedName: document?.name ?? registered?.name ?? null, isProven }
}

/** Whether the client could never redeem a code. */
function lacksProof(agent: AgentDefinition, client: ClientDefinition, { identity }: ClientDocument): boolean {
  return client.authentication === "identity" && identity === null && (agent.identities ?? []).length === 0
}

/** A client with a single redirect URI may omit the parameter. */
function redirectUriOf(parameters: Parameters, registered: readonly string[]): string | OAuthFailure {
  const named = valueOf(parameters, "redirect_uri")
  const [only, ...others] = registered
  const requested = named ?? (others.length === 0 ? (only ?? null) : null)
  if (requested !== null && isRegistered(registered, requested)) return requested
  return oauthError({ reason: "redirect_uri_refused", redirect_uri: shownName(requested) })
}
