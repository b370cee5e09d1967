import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Location } from "../policy/definition/gateways.ts"

/** Whether the current registry lets an agent have tokens for an audience. */
export function mayBeFor({ agents, audiences }: Bundle, agent: string, audience: string): boolean {
  return audiences.has(audience) && (agents.get(agent)?.audiences?.includes(audience) ?? true)
}

/** Where ledgers of tasks for this audience are created: where the first of its gateways is that says so. */
export function locationOf({ gateways }: Pick<Bundle, "gateways">, audience: string): Location | undefined {
  return gateways.values().find((gateway) => gateway.audience === audience && gateway.location)?.location
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
