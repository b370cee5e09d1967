/**
 * Authenticates the agent of a token request, by its workload identity or its own key. It may be a client assertion
 * (RFC 7523, section 2.2, or SPIFFE's type of it) or an actor token (RFC 8693, section 2.1); if both are present, they
 * must be of one agent. A public client only names itself, and only where a person's own consent opens the task.
 */
import { clientDocument, type DocumentProblem } from "../../credentials/client-document.ts"
import { verifyAgent, type ProvenAgent } from "../../credentials/agent-identity.ts"
import { describeFlaws } from "../../credentials/assertion-flaws.ts"
import { isRejected, shownName, type CredentialRejection } from "../../core/denials/terms/credential-rejection.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import type { RequestContext } from "../../request-context.ts"
import { registrationOf } from "../../ledger/registration/registration.ts"
import type { SingleUse } from "./replay-log.ts"
import { valueOf, type Parameters } from "./parameters.ts"
import { credentialError, isOAuthFailure, oauthError, type OAuthFailure } from "../../core/denials/oauth-error.ts"

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
const ASSERTION_TYPES: ReadonlyMap<string, "any" | "spiffe"> = new Map([
  [JWT_BEARER, "any"],
  ["urn:ietf:params:oauth:client-assertion-type:jwt-spiffe", "spiffe"],
])
const JWT_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:jwt"

/** The client of a request. */
export interface RequestingClient {
  readonly agent: string
  /**
   * False for a public client: it only names itself, which anyone can do. Its records must not count as the agent's.
   */
  readonly isProven: boolean
  /** The single-use parts of its proof. */
  readonly once: readonly SingleUse[]
}

export interface AuthenticatedAgent extends RequestingClient {
  /** Which of the agent's instances it is, as far as its credential proves it. */
  readonly instance: string | null
  /** Milliseconds since the epoch, when its identity was issued; of two, the older. */
  readonly since: number
}

export async function authenticateAgent(
  parameters: Parameters,
  bundle: Bundle,
  { config, fetchContext }: RequestContext,
): Promise<AuthenticatedAgent | OAuthFailure> {
  const unproven = (because: CredentialRejection, token: string): OAuthFailure => {
    const failure = credentialError("agent_unauthenticated", because)
    if (failure.refused.reason === "unavailable") return failure
    return { ...failure, hint: describeFlaws(token, config.issuer, fetchContext.now) }
  }
  const assertion = valueOf(parameters, "client_assertion")
  const actorToken = valueOf(parameters, "actor_token")
  const kind = ASSERTION_TYPES.get(valueOf(parameters, "client_assertion_type") ?? "")
  if (assertion !== null && !kind) {
    return credentialError("agent_unauthenticated", { reason: "type_refused", typ: "client_assertion_type" })
  }
  const actorType = valueOf(parameters, "actor_token_type")
  // RFC 8693, section 2.1: the type is required with the token and not allowed without it.
  if ((actorToken === null) !== (actorType === null)) {
    return oauthError({
      reason: "parameter_missing",
      parameter: actorToken === null ? "actor_token" : "actor_token_type",
    })
  }
  if (actorType !== null && actorType !== JWT_TOKEN_TYPE) {
    return oauthError({ reason: "token_type_unsupported", parameter: "actor_token_type" })
  }
  const credentials = [
    ...(assertion === null ? [] : [{ token: assertion, kind: kind ?? "any" }]),
    ...(actorToken === null ? [] : [{ token: actorToken, kind: "any" as const }]),
  ]
  let proven: ProvenAgent | undefined
  let since = Number.POSITIVE_INFINITY
  let instance: string | null = null
  const once: SingleUse[] = []
  for (const { token, kind } of credentials) {
    const verified = await verifyAgent(token, kind, bundle, config.issuer, fetchContext)
    if (isRejected(verified)) return unproven(verified.rejected, token)
    if (proven && proven.agent !== verified.agent) return oauthError({ reason: "agents_differ" })
    proven = verified
    instance ??= verified.instance
    since = Math.min(since, verified.since)
    if (verified.once) once.push({ what: "assertion", ...verified.once })
  }
  if (!proven) return credentialError("agent_unauthenticated", { reason: "credential_missing" })
  const clientId = valueOf(parameters, "client_id")
  if (clientId !== null && clientId !== proven.agent) {
    return credentialError("agent_unauthenticated", { reason: "client_mismatch", got: shownName(clientId) })
  }
  const { agent } = proven
  return bundle.agents.has(agent)
    ? { agent, instance, isProven: true, since, once }
    : oauthError({ reason: "agent_unregistered", agent })
}

/**
 * Authenticates the client of the JWT bearer grant (RFC 7523, section 2.1). Without any other proof the assertion is the
 * workload's own JWT, and authenticates the agent itself: workload identity federation (MCP, SEP-1933).
 */
export async function authenticateBearer(
  parameters: Parameters,
  bundle: Bundle,
  context: RequestContext,
): Promise<AuthenticatedAgent | OAuthFailure> {
  const assertion = valueOf(parameters, "assertion")
  if (assertion === null || !lacksProof(parameters)) return authenticateAgent(parameters, bundle, context)
  const proof = [
    ["client_assertion", [assertion]],
    ["client_assertion_type", [JWT_BEARER]],
  ] as const
  const agent = await authenticateAgent(new Map([...parameters, ...proof]), bundle, context)
  // RFC 7523, section 3.1: it is the grant that is invalid, unless it is good and the client names another agent.
  return isOAuthFailure(agent) && agent.refused.reason === "agent_unauthenticated" && agent.hint !== undefined
    ? { ...agent, refused: { ...agent.refused, reason: "assertion_rejected" } }
    : agent
}

/** Whether the request has no proof of its agent besides what it presents as its grant. */
export function lacksProof(parameters: Parameters): boolean {
  return !["client_assertion", "actor_token"].some((name) => parameters.has(name))
}

/** Authenticates the client, or accepts it as a public client (RFC 6749, section 2.1) if its registration says so. */
export async function authenticateClient(
  parameters: Parameters,
  bundle: Bundle,
  context: RequestContext,
): Promise<AuthenticatedAgent | OAuthFailure> {
  const named = valueOf(parameters, "client_id")
  const client = named === null ? undefined : bundle.agents.get(named)?.client
  if (named === null || !lacksProof(parameters) || client?.authentication !== "none") {
    const agent = await authenticateAgent(parameters, bundle, context)
    const isMissing =
      isOAuthFailure(agent) && lacksProof(parameters) && agent.refused.reason === "agent_unauthenticated"
    return isMissing ? { ...agent, hint: OF_PUBLIC_CLIENTS } : agent
  }
  if (client.registered === true && !(await registrationOf(named, bundle.registration, context))) {
    return oauthError({ reason: "registration_gone", client: named })
  }
  if (client.metadata === true) {
    const document = await clientDocument(named, context.fetchContext)
    if ("problem" in document) return noDocument(named, document)
    // A client that publishes keys has to prove them: otherwise anyone could impersonate it without them.
    if (document.identity) return credentialError("agent_unauthenticated", { reason: "credential_missing" })
  }
  return { agent: named, instance: null, isProven: false, since: context.receivedAt, once: [] }
}

/** It is the same for all, so that nobody learns by it which clients there are. */
const OF_PUBLIC_CLIENTS =
  "A public client sends its client_id in the body, and no secret: one in client_secret or in Authorization: Basic proves nobody here."

/** The client may try again after an outage, for which it is not at fault. */
export function noDocument(client: string, { problem: what, isDown }: DocumentProblem): OAuthFailure {
  return oauthError(isDown ? { reason: "unavailable" } : { reason: "client_document_refused", client, what })
}
