/**
 * Who sends a person here, and where the answer goes: an agent that is registered as a client, and one of its redirect
 * URIs. As long as this is not certain nobody is sent anywhere: whatever is wrong is shown on a page (RFC 6749 4.1.2.1).
 */
import { clientDocument, type ClientDocument } from "../../credentials/client-document.ts"
import { shownName } from "../../core/denials/terms/credential-rejection.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import type { AgentDefinition, ClientDefinition } from "../../core/policy/definition/agents.ts"
import type { RequestContext } from "../../request-context.ts"
import { valueOf, type Parameters } from "../token/parameters.ts"
import { isRegistered } from "../../core/encoding/redirect-uri.ts"
import { oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"

export interface AskingClient {
  readonly agent: AgentDefinition
  readonly redirectUri: string
  /** As it calls itself in its own document; null: it does not. */
  readonly claimedName: string | null
  /** It has to prove who it is when it comes for its token. */
  readonly isProven: boolean
}

export async function askingClient(
  parameters: Parameters,
  { agents }: Bundle,
  { fetchContext }: RequestContext,
): Promise<AskingClient | OAuthFailure> {
  const named = valueOf(parameters, "client_id")
  const agent = named === null ? undefined : agents.get(named)
  if (!agent?.client) return oauthError({ reason: "client_unknown", client: shownName(named) })
  const { client } = agent
  const document = client.metadata === true ? await clientDocument(agent.id, fetchContext) : null
  const odd = oddityOf(agent, client, document)
  if (odd !== null) return oauthError({ reason: "client_document_refused", client: agent.id, what: odd })
  const redirectUri = redirectUriOf(parameters, client.redirect_uris ?? document?.redirectUris ?? [])
  if (typeof redirectUri !== "string") return redirectUri
  const isProven = client.authentication === "identity" || (document !== null && document.identity !== null)
  return { agent, redirectUri, claimedName: document?.name ?? null, isProven }
}

/** Why its document will not do: what a person agreed to could never be fetched. */
function oddityOf(agent: AgentDefinition, client: ClientDefinition, document: ClientDocument | null): string | null {
  if (client.metadata !== true) return null
  if (!document) return "it cannot be read"
  const canProve = document.identity !== null || (agent.identities ?? []).length > 0
  return client.authentication === "identity" && !canProve ? "it has no keys, and has to prove who it is" : null
}

/** Where there is only one it need not be named. */
function redirectUriOf(parameters: Parameters, registered: readonly string[]): string | OAuthFailure {
  const named = valueOf(parameters, "redirect_uri")
  const [only, ...others] = registered
  const redirectUri = named ?? (others.length === 0 ? (only ?? null) : null)
  if (redirectUri !== null && isRegistered(registered, redirectUri)) return redirectUri
  return oauthError({ reason: "redirect_uri_refused", redirect_uri: shownName(redirectUri) })
}
