import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import type { Bundle } from "../policy/assemble.ts"

/** Whether the current registry lets an agent have tokens for an audience. */
export function mayBeFor({ agents, audiences }: Bundle, agent: string, audience: string): boolean {
  return audiences.has(audience) && (agents.get(agent)?.audiences?.includes(audience) ?? true)
}

/** With many gateways, a few audiences are enough as an example. */
const MOST_LISTED = 8

/**
 * Audiences are public, as each resource's metadata names its own (RFC 9728). The error does not say which are the
 * agent's.
 */
export function unknownAudience(audience: string, { audiences }: Pick<Bundle, "audiences">): OAuthFailure {
  return oauthError({ reason: "audience_unknown", audience, known: [...audiences].toSorted().slice(0, MOST_LISTED) })
}
