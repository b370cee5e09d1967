/**
 * The scopes that metadata names (RFC 8414, section 2; RFC 9728, section 2): `<server>.*:<action>` for what some purpose
 * grants by default. Clients of MCP request all of them, so none is among them that could never be granted.
 */
import { coveredBy, formatScope, parseScope } from "../catalog/pattern.ts"
import { allRoutes } from "../catalog/route.ts"
import { sensitivityRank } from "../catalog/tool.ts"
import type { Bundle } from "../policy/assemble.ts"

/** By the first segment of tools' names, which is the server of those that an MCP server has. */
export function offeredScopes(bundle: Bundle): ReadonlyMap<string, readonly string[]> {
  let offered = scopesOfBundles.get(bundle)
  if (!offered) scopesOfBundles.set(bundle, (offered = findOffered(bundle)))
  return offered
}
/** Anyone may request metadata: the tools of a bundle are gone through once. */
const scopesOfBundles = new WeakMap<Bundle, ReadonlyMap<string, readonly string[]>>()

function findOffered({ purposes, catalog }: Bundle): ReadonlyMap<string, readonly string[]> {
  const ranks = new Map<string, number>()
  for (const { default: requested, grant } of purposes.values()) {
    const rank = sensitivityRank(grant.max_sensitivity)
    for (const scope of requested ?? grant.tools) ranks.set(scope, Math.max(rank, ranks.get(scope) ?? 0))
  }
  const scopes = [...ranks.keys()].flatMap((text) => parseScope(text) ?? [])
  const offered = new Map<string, Set<string>>()
  for (const [scope, tools] of coveredBy(scopes, [...catalog.tools.values()])) {
    for (const { server, action, sensitivity } of tools) {
      if (sensitivityRank(sensitivity) > (ranks.get(scope) ?? 0)) continue
      const texts = offered.get(server) ?? new Set()
      offered.set(server, texts.add(formatScope({ pattern: `${server}.*`, action })))
    }
  }
  return new Map([...offered].map(([server, texts]) => [server, [...texts].toSorted()]))
}

/** The scopes of everything at some of the origins of a gateway. */
export function scopesAt(origins: readonly string[], bundle: Bundle): readonly string[] {
  const { servers, routes, tools } = bundle.catalog
  const routed = allRoutes(routes).filter(({ definition }) => origins.includes(definition.origin))
  const names = [
    ...[...servers.values()].filter(({ origin }) => origins.includes(origin)).map(({ name }) => name),
    ...routed.flatMap(({ definition }) => tools.get(definition.tool)?.server ?? []),
  ]
  const offered = offeredScopes(bundle)
  return [...new Set(names)].toSorted().flatMap((name) => offered.get(name) ?? [])
}
