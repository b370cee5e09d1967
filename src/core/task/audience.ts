import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import type { Bundle } from "../policy/assemble.ts"

/** Whether an agent may have tokens for an audience, by the registry as it is. */
export function mayBeFor({ agents, audiences }: Bundle, agent: string, audience: string): boolean {
  return audiences.has(audience) && (agents.get(agent)?.audiences?.includes(audience) ?? true)
}

/** Of many gateways a few audiences are enough to see what is meant. */
const MOST_KNOWN = 8

/** Audiences are public, as each resource's metadata names its own (RFC 9728); which are an agent's is not said. */
export function unknownAudience(audience: string, { audiences }: Pick<Bundle, "audiences">): OAuthFailure {
  return oauthError({ reason: "audience_unknown", audience, known: [...audiences].toSorted().slice(0, MOST_KNOWN) })
}
