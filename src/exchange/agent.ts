/**
 * Which agent is asking for a token: proven by its workload identity, as client assertion (RFC 7523 2.2, or SPIFFE's
 * type of it) or as actor token (RFC 8693 2.1). Where both are there they must be of one agent.
 */
import { verifyWorkload } from "../credential/identity.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Surroundings } from "../surroundings.ts"
import { valueOf, type Parameters } from "./parameters.ts"
import { refuse, type Refused } from "./refusal.ts"

const ASSERTION_TYPES = new Set([
  "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
  "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
])
const JWT_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:jwt"

export async function authenticateAgent(
  parameters: Parameters,
  bundle: Bundle,
  { config, receivedAt: now }: Surroundings,
): Promise<{ readonly agent: string } | Refused> {
  const assertion = valueOf(parameters, "client_assertion")
  const actorToken = valueOf(parameters, "actor_token")
  if (assertion !== null && !ASSERTION_TYPES.has(valueOf(parameters, "client_assertion_type") ?? "")) {
    return refuse({ reason: "agent_unauthenticated", what: "client_assertion_type" })
  }
  const actorType = valueOf(parameters, "actor_token_type")
  // RFC 8693 2.1: the type is required with the token and not allowed without it.
  if ((actorToken === null) !== (actorType === null)) {
    return refuse({ reason: "parameter_missing", parameter: actorToken === null ? "actor_token" : "actor_token_type" })
  }
  if (actorType !== null && actorType !== JWT_TOKEN_TYPE) {
    return refuse({ reason: "token_type_unsupported", parameter: "actor_token_type" })
  }
  const credentials = [assertion, actorToken].filter((token) => token !== null)
  if (credentials.length === 0) return refuse({ reason: "agent_unauthenticated", what: "no identity" })
  let proven: { readonly agent: string } | undefined
  for (const credential of credentials) {
    const verified = await verifyWorkload(credential, bundle.issuers, config, now)
    if ("rejected" in verified) {
      return refuse(
        verified.unavailable === true
          ? { reason: "unavailable" }
          : { reason: "agent_unauthenticated", what: verified.rejected },
      )
    }
    if (proven && proven.agent !== verified.agent) return refuse({ reason: "agents_differ" })
    proven = verified
  }
  const clientId = valueOf(parameters, "client_id")
  if (!proven || (clientId !== null && clientId !== proven.agent)) {
    return refuse({ reason: "agent_unauthenticated", what: "client_id" })
  }
  return bundle.agents.has(proven.agent) ? proven : refuse({ reason: "agent_unregistered", agent: proven.agent })
}
