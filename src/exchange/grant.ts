/**
 * Grants: what a task may do at most, frozen tool by tool when it is opened, and the narrowing that makes one
 * (DESIGN §4). `narrow` only ever takes away: nothing in its result was not in every one of its inputs.
 */
import { lifecycleName, LIFECYCLE_TOOLS } from "../catalog/lifecycle.ts"
import { formatScope, parseScope, scopeCovers, type Scope } from "../catalog/pattern.ts"
import { SENSITIVITIES, sensitivityRank, type Action, type Sensitivity, type Tool } from "../catalog/tool.ts"
import type { GrantDefinition } from "../policy/bundle.ts"
import type { ArgumentBounds } from "./bounds.ts"

export interface ToolGrant {
  /** Its action class when the grant was made; if the catalog gives it another later, the grant no longer covers it. */
  readonly action: Action
  /** Every one must hold. */
  readonly bounds: readonly ArgumentBounds[]
}

export interface Grant {
  /** By tool name. */
  readonly tools: Readonly<Record<string, ToolGrant>>
  readonly maxSensitivity: Sensitivity
  /** Environments of gateways where it holds; null: all. */
  readonly environments: readonly string[] | null
  /** Calls that may be made in all; null: no limit. */
  readonly calls: number | null
}

/** What a request asks for, beside its purpose; null: whatever the purpose gives by default. */
export interface Asked {
  readonly scopes: readonly Scope[] | null
  readonly maxSensitivity: Sensitivity | null
  readonly bounds: ArgumentBounds
  readonly calls: number | null
}

export const ASKED_NOTHING: Asked = { scopes: null, maxSensitivity: null, bounds: {}, calls: null }

/** A cap that a grant must stay within, and what lacking it is called in an answer. */
export interface Cap {
  readonly name: "purpose" | "agent" | "parent" | "policy"
  readonly covers: (tool: Tool) => boolean
}

function capOf(name: "purpose" | "agent", definition: GrantDefinition): Cap {
  const scopes = scopesOf(definition.tools)
  const rank = sensitivityRank(definition.max_sensitivity)
  return {
    name,
    covers: (tool) => sensitivityRank(tool.sensitivity) <= rank && scopes.some((scope) => scopeCovers(scope, tool)),
  }
}

function scopesOf(texts: readonly string[]): readonly Scope[] {
  return texts.flatMap((text) => parseScope(text) ?? [])
}

export interface Narrowed {
  readonly grant: Grant
  /** Scopes that say what was granted, as short as they can be said. */
  readonly scope: string
}

export interface NothingLeft {
  readonly asked: readonly string[]
  /** For each tool asked for, the first cap that lacked it. */
  readonly lacking: Readonly<Record<string, Cap["name"]>>
}

/**
 * @param tools the catalog
 * @param parent the parent task's grant, if any
 * @param permits whether policy lets the user (or the agent, where there is no user) delegate the tool
 */
export function narrow(
  tools: Iterable<Tool>,
  asked: Asked,
  purpose: { readonly grant: GrantDefinition; readonly default?: readonly string[] },
  ceiling: GrantDefinition,
  parent: Grant | null,
  permits: (tool: Tool) => boolean,
): Narrowed | NothingLeft {
  const scopes = asked.scopes ?? scopesOf(purpose.default ?? purpose.grant.tools)
  const caps: Cap[] = [
    capOf("purpose", purpose.grant),
    capOf("agent", ceiling),
    { name: "parent", covers: (tool) => parent === null || coversTool(parent, tool) },
    { name: "policy", covers: permits },
  ]
  const maxSensitivity = least(
    [purpose.grant.max_sensitivity, ceiling.max_sensitivity, asked.maxSensitivity, parent?.maxSensitivity].filter(
      (limit) => limit !== null && limit !== undefined,
    ),
  )
  const added = [purpose.grant.arguments, ceiling.arguments, asked.bounds].filter((bounds) => !isEmpty(bounds))
  const granted: Record<string, ToolGrant> = {}
  const lacking: Record<string, Cap["name"]> = {}
  const catalog = [...tools]
  for (const tool of catalog) {
    // Lifecycle tools come with their server, see below; asking for them by a wide pattern changes nothing.
    if (isLifecycle(tool) || !scopes.some((scope) => scopeCovers(scope, tool))) continue
    const cap = caps.find((candidate) => !candidate.covers(tool))
    if (cap) lacking[tool.name] = cap.name
    else if (sensitivityRank(tool.sensitivity) <= sensitivityRank(maxSensitivity)) {
      granted[tool.name] = { action: tool.action, bounds: [...(parent?.tools[tool.name]?.bounds ?? []), ...added] }
    }
  }
  if (isEmpty(granted)) return { asked: scopes.map(formatScope), lacking }
  const grant: Grant = {
    tools: { ...granted, ...lifecycleOf(catalog, granted) },
    maxSensitivity,
    environments: intersect(purpose.grant.environments, ceiling.environments, parent?.environments ?? undefined),
    calls: smallest(purpose.grant.calls, ceiling.calls, asked.calls ?? undefined, parent?.calls ?? undefined),
  }
  return { grant, scope: describeScope(scopes, catalog, granted) }
}

/** Whether the grant as frozen still covers the tool as it is in the catalog now; its arguments are another question. */
export function coversTool(grant: Grant, tool: Tool): boolean {
  return (
    Object.hasOwn(grant.tools, tool.name) &&
    grant.tools[tool.name]?.action === tool.action &&
    sensitivityRank(tool.sensitivity) <= sensitivityRank(grant.maxSensitivity)
  )
}

export function isLifecycle(tool: Pick<Tool, "name" | "server">): boolean {
  return LIFECYCLE_TOOLS.some((suffix) => tool.name === lifecycleName(tool.server, suffix))
}

/** Who may call a tool of an MCP server may open and close a session with it; policy still judges each such call. */
function lifecycleOf(
  catalog: readonly Tool[],
  granted: Readonly<Record<string, ToolGrant>>,
): Record<string, ToolGrant> {
  const servers = new Set(catalog.filter((tool) => Object.hasOwn(granted, tool.name)).map((tool) => tool.server))
  const entries = catalog
    .filter((tool) => isLifecycle(tool) && servers.has(tool.server))
    .map((tool): [string, ToolGrant] => [tool.name, { action: tool.action, bounds: [] }])
  return Object.fromEntries(entries)
}

/** A scope that was asked for stands as it is where all it covers was granted; otherwise what is left of it, by name. */
function describeScope(
  scopes: readonly Scope[],
  catalog: readonly Tool[],
  granted: Readonly<Record<string, ToolGrant>>,
): string {
  const words = new Set<string>()
  for (const scope of scopes) {
    const covered = catalog.filter((tool) => !isLifecycle(tool) && scopeCovers(scope, tool))
    const left = covered.filter((tool) => Object.hasOwn(granted, tool.name))
    if (left.length === covered.length && left.length > 0) words.add(formatScope(scope))
    else for (const tool of left) words.add(formatScope({ pattern: tool.name, action: tool.action }))
  }
  return [...words].join(" ")
}

function least(sensitivities: readonly Sensitivity[]): Sensitivity {
  return sensitivities.reduce<Sensitivity>(
    (low, next) => (sensitivityRank(next) < sensitivityRank(low) ? next : low),
    SENSITIVITIES[SENSITIVITIES.length - 1] ?? "restricted",
  )
}

function intersect(...lists: readonly (readonly string[] | undefined)[]): readonly string[] | null {
  const given = lists.filter((list) => list !== undefined)
  const [first, ...others] = given
  return first === undefined ? null : first.filter((item) => others.every((list) => list.includes(item)))
}

function smallest(...limits: readonly (number | undefined)[]): number | null {
  const given = limits.filter((limit) => limit !== undefined)
  return given.length === 0 ? null : Math.min(...given)
}

function isEmpty(object: object): boolean {
  return Object.keys(object).length === 0
}
