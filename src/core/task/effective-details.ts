/**
 * A grant in words: scopes, and RFC 9396 details. Both say what is effective (RFC 9396, section 7): the intersection of
 * the request, the purpose, the agent's ceiling, the grants of all ancestors and the assertion. A reader of a token
 * or a task must not see an authority that no call has.
 */
import { OTHERS, type ArgumentBounds } from "../catalog/bounds/definition.ts"
import { jointBounds, type JointBounds } from "../catalog/bounds/joint.ts"
import { isLifecycle } from "../catalog/lifecycle.ts"
import { anyCovers, coveredBy, formatScope, parseScope, type Scope } from "../catalog/pattern.ts"
import { isRedacted, openBounds } from "../catalog/redaction.ts"
import { ACTIONS, type Tool } from "../catalog/tool.ts"
import type { Grant, GrantedDetails, ToolGrant } from "./grant.ts"

type ToolGrants = Readonly<Record<string, ToolGrant>>

/** The grant of the parent task, or the one that the user has consented to. */
export interface ParentGrant {
  /** Whose grant it is. */
  readonly agent: string
  readonly grant: Grant
  /** The child's grant is then shown in details as well, because its scopes would hide the bounds. */
  readonly inDetails: boolean
  /** Arguments of which a child's agent must not see the parent's bounds, because the catalog redacts them. */
  readonly redact: readonly string[]
}

/** A requested scope stays as it is if all its tools were granted; otherwise the granted ones replace it, by name. */
export function effectiveScopes(
  scopes: readonly Scope[],
  catalog: readonly Tool[],
  granted: ToolGrants,
): readonly string[] {
  const words = new Set<string>()
  const byScope = coveredBy(
    scopes,
    catalog.filter((tool) => !isLifecycle(tool)),
  )
  for (const scope of scopes) {
    const covered = byScope.get(formatScope(scope)) ?? []
    const left = covered.filter((tool) => Object.hasOwn(granted, tool.name))
    if (left.length === covered.length && left.length > 0) words.add(formatScope(scope))
    else for (const tool of left) words.add(formatScope({ pattern: tool.name, action: tool.action }))
  }
  return [...words]
}

/**
 * Returns the details of the tools that one part of a request names. Tools with the same limits share an object.
 * @param granted all tools of the grant
 */
export function effectiveDetails(
  scopes: readonly Scope[],
  catalog: readonly Tool[],
  granted: ToolGrants,
  calls: number | null,
  parent: ParentGrant | null,
): readonly GrantedDetails[] {
  const covers = anyCovers(scopes)
  const limited = catalog.flatMap((tool) => {
    const grant = Object.hasOwn(granted, tool.name) ? granted[tool.name] : undefined
    if (!grant || isLifecycle(tool) || !covers(tool)) return []
    const { [OTHERS]: closed, ...bounds } = shownBounds(tool.name, grant.bounds, parent)
    const limits = {
      max_sensitivity: grant.maxSensitivity,
      arguments: bounds,
      ...(closed && { closed: true as const }),
    }
    return [{ name: tool.name, grant, limits, key: JSON.stringify(limits) }]
  })
  return [...Map.groupBy(limited, ({ key }) => key).values()].flatMap((alike) => {
    const limits = alike[0]?.limits
    if (!limits) return []
    const tools = Object.fromEntries(alike.map(({ name, grant }) => [name, grant]))
    const shared = {
      max_sensitivity: limits.max_sensitivity,
      ...(Object.keys(limits.arguments).length === 0 ? {} : { arguments: limits.arguments }),
      ...(limits.closed && { closed: limits.closed }),
      ...(calls === null ? {} : { calls }),
    }
    return productsOf(effectiveScopes(scopes, catalog, tools), catalog, tools).map(
      ({ patterns, actions }): GrantedDetails =>
        Object.assign({ type: "narrowgate_call" as const, tools: patterns, actions }, shared),
    )
  })
}

interface Product {
  readonly patterns: readonly string[]
  readonly actions: Tool["action"][]
}

/** An object names every one of its tools with every one of its actions, so scopes that mean less need an object each. */
function productsOf(words: readonly string[], catalog: readonly Tool[], tools: ToolGrants): readonly Product[] {
  const scopes = words.flatMap((word) => parseScope(word) ?? [])
  const patterns = [...new Set(scopes.map(({ pattern }) => pattern))]
  const actions = ACTIONS.filter((action) => scopes.some((scope) => scope.action === action))
  const covers = anyCovers(patterns.flatMap((pattern) => actions.map((action) => ({ pattern, action }))))
  if (catalog.every((tool) => isLifecycle(tool) || Object.hasOwn(tools, tool.name) || !covers(tool))) {
    return [{ patterns, actions }]
  }
  return actions.map((action) => ({
    patterns: scopes.filter((scope) => scope.action === action).map(({ pattern }) => pattern),
    actions: [action],
  }))
}

/**
 * Returns the bounds of a tool together. A bound of the parent on a redacted argument shows its kind alone, unless what
 * this agent has requested itself is as narrow.
 */
function shownBounds(tool: string, bounds: readonly ArgumentBounds[], parent: ParentGrant | null): JointBounds {
  const all = jointBounds(bounds)
  const above = parent && Object.hasOwn(parent.grant.tools, tool) ? parent.grant.tools[tool]?.bounds : undefined
  if (!parent || !above) return all
  const inherited = jointBounds(above)
  const own = jointBounds(bounds.slice(above.length))
  const ownOf = (name: string): object => (Object.hasOwn(own, name) ? (own[name] ?? {}) : {})
  const hidden = Object.keys(inherited).filter(
    (name) => isRedacted(name, parent.redact) && JSON.stringify(all[name]) !== JSON.stringify(ownOf(name)),
  )
  if (hidden.length === 0) return all
  const kinds = openBounds(inherited, null)
  return { ...all, ...Object.fromEntries(hidden.map((name) => [name, { ...ownOf(name), ...kinds[name] }])) }
}
