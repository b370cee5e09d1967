import { serverWith } from "../policy/resource.ts"
import { oauthError, type OAuthFailure } from "../denials/oauth-error.ts"
import { isBelow, isSameResource } from "../encoding/url.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Location } from "../policy/definition/gateways.ts"

/** Whether the current registry lets an agent have tokens for an audience. */
export function mayBeFor({ agents, audiences }: Bundle, agent: string, audience: string): boolean {
  return audiences.has(audience) && (agents.get(agent)?.audiences?.includes(audience) ?? true)
}

/**
 * The audiences that a client may mean by a resource indicator (RFC 8707): that audience, those of the gateways in front
 * of the MCP server with that URL, and those below which the URL is. A token is for the whole audience in any case.
 */
export function audiencesOf(resource: string, { audiences, gateways, catalog }: Bundle): ReadonlySet<string> {
  // In our own spelling: the gateway compares a token's audience letter by letter.
  const itself = audiences.has(resource) ? resource : [...audiences].find((ours) => isSameResource(ours, resource))
  if (itself !== undefined) return new Set([itself])
  const server = serverWith(resource, catalog)
  const inFront = server ? [...gateways.values()].filter(({ origins }) => origins.includes(server.origin)) : []
  const above = [...audiences].filter((audience) => isBelow(resource, audience))
  return new Set([...inFront.map(({ audience }) => audience), ...above])
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
