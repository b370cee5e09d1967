/**
 * Narrows a request to a grant. It only ever reduces: its result contains nothing that was not in every one of its
 * inputs, so that nobody in the chain gains authority (docs/architecture.md#the-promises, 3).
 */
import { conjunctOf } from "../catalog/bounds/bounds.ts"
import { isLifecycle } from "../catalog/lifecycle.ts"
import { anyCovers, formatScope, parseScope, scopeCovers, type Scope } from "../catalog/pattern.ts"
import { SENSITIVITIES, sensitivityRank, type Sensitivity, type Tool } from "../catalog/tool.ts"
import type { CapSource, NothingLeft } from "../denials/oauth-error.ts"
import type { GrantDefinition } from "../policy/definition/grant.ts"
import { effectiveDetails, effectiveScopes, type ParentGrant } from "./effective-details.ts"
import {
  type ToolGrant,
  type Grant,
  type RequestedPart,
  type RequestedGrant,
  type GrantReduction,
  type GrantedDetails,
  coversTool,
} from "./grant.ts"

/** The limits of a grant. */
export interface Caps {
  readonly purpose: { readonly name: string; readonly grant: GrantDefinition; readonly default?: readonly string[] }
  readonly agent: { readonly id: string; readonly ceiling: GrantDefinition }
  readonly parent: ParentGrant | null
  /** What an assertion by the user's provider allows at most (ID-JAG); each of them applies. */
  readonly assertion: readonly RequestedGrant[]
  /** What the person's consent leaves of it. Absent: all. */
  readonly consent?: GrantReduction | undefined
  /** Whether policy lets this principal, the user or the agent if there is none, delegate the tool. */
  readonly policy: { readonly principal: string; readonly permits: (tool: Tool) => boolean }
}

export interface Cap {
  /** Who or what does not have a tool that this cap does not cover. */
  readonly by: CapSource
  readonly covers: (tool: Tool) => boolean
}

function capsOf({ purpose, agent, parent, assertion, consent, policy }: Caps): readonly Cap[] {
  return [
    { by: { cap: "purpose", of: purpose.name }, covers: within(purpose.grant) },
    { by: { cap: "agent", of: agent.id }, covers: within(agent.ceiling) },
    {
      by: { cap: "parent", of: parent?.agent ?? "" },
      covers: (tool) => parent === null || coversTool(parent.grant, tool),
    },
    {
      by: { cap: "assertion", of: "the user's provider" },
      covers: (tool) => assertion.every((allowed) => allowingParts(allowed, tool).length > 0),
    },
    { by: { cap: "consent", of: "the user" }, covers: consentedTools(consent) },
    // Last, because it costs the most.
    { by: { cap: "policy", of: policy.principal }, covers: policy.permits },
  ]
}

/** Whether a definition of a grant covers a tool; its arguments are checked elsewhere. */
export function within(definition: GrantDefinition): (tool: Tool) => boolean {
  const scopes = scopesOf(definition.tools)
  const rank = sensitivityRank(definition.max_sensitivity)
  const covers = anyCovers(scopes)
  return (tool) => sensitivityRank(tool.sensitivity) <= rank && covers(tool)
}

/** Matches only names: a pattern that a forged form contains covers nothing. */
function consentedTools(consent: GrantReduction | undefined): (tool: Tool) => boolean {
  if (!consent?.tools) return () => true
  const names = new Set(consent.tools)
  return ({ name, server }) => names.has(name) || names.has(`${server}.*`)
}

/** The parts of an assertion that allow a tool. */
function allowingParts({ parts }: RequestedGrant, tool: Tool): readonly RequestedPart[] {
  return (parts ?? []).filter(
    ({ scopes, maxSensitivity }) =>
      scopes.some((scope) => scopeCovers(scope, tool)) &&
      sensitivityRank(tool.sensitivity) <= sensitivityRank(maxSensitivity ?? "restricted"),
  )
}

function scopesOf(texts: readonly string[]): readonly Scope[] {
  return texts.flatMap((text) => parseScope(text) ?? [])
}

export interface Narrowed {
  readonly grant: Grant
  /** Scopes that express what was granted, as short as possible. */
  readonly scope: string
  /** Null unless the request, the assertion or the parent task uses details (RFC 9396, section 7). */
  readonly details: readonly GrantedDetails[] | null
}

/** Two requested parts cover this tool, so it is undefined whose bounds apply. */
export interface Ambiguous {
  readonly ambiguous: string
}

/** @param tools the catalog */
export function narrow(
  tools: Iterable<Tool>,
  requested: RequestedGrant,
  caps: Caps,
): Narrowed | NothingLeft | Ambiguous {
  const { purpose, agent, parent } = caps
  const byDefault = { scopes: scopesOf(purpose.default ?? purpose.grant.tools), maxSensitivity: null, bounds: {} }
  const parts: readonly RequestedPart[] = requested.parts ?? [byDefault]
  const limits = capsOf(caps)
  const granted: Record<string, ToolGrant> = {}
  const lacking: Record<string, CapSource> = {}
  const catalog = [...tools]
  const requestedParts = parts.map((part) => ({ part, covers: anyCovers(part.scopes) }))
  for (const tool of catalog) {
    // Lifecycle tools come with their server, see below; requesting them by a wide pattern changes nothing.
    if (isLifecycle(tool)) continue
    const [found, ...others] = requestedParts.filter(({ covers }) => covers(tool))
    if (!found) continue
    const { part } = found
    if (others.length > 0) return { ambiguous: tool.name }
    const cap = limits.find(({ covers }) => !covers(tool))
    if (cap) lacking[tool.name] = cap.by
    else if (sensitivityRank(tool.sensitivity) <= sensitivityRank(part.maxSensitivity ?? "restricted")) {
      granted[tool.name] = toolGrant(tool, part, caps)
    }
  }
  if (isEmpty(granted)) {
    const available = catalog.filter((tool) => !isLifecycle(tool) && limits.every(({ covers }) => covers(tool)))
    return {
      asked: parts.flatMap(({ scopes }) => scopes).map(formatScope),
      available: available.map(({ name, action }) => `${name}:${action}`),
      lacking,
    }
  }
  const grant: Grant = {
    tools: { ...granted, ...lifecycleOf(catalog, granted, caps) },
    environments: intersect(
      purpose.grant.environments,
      agent.ceiling.environments,
      parent?.grant.environments ?? undefined,
    ),
    calls: smallest(
      purpose.grant.calls,
      agent.ceiling.calls,
      requested.calls ?? undefined,
      parent?.grant.calls ?? undefined,
      caps.consent?.calls ?? undefined,
      ...caps.assertion.map(({ calls }) => calls ?? undefined),
    ),
  }
  const scope = parts.flatMap((part) => effectiveScopes(part.scopes, catalog, granted)).join(" ")
  const inDetails = [requested, parent, ...caps.assertion].some((each) => each?.inDetails)
  const details = inDetails
    ? parts.flatMap(({ scopes }) => effectiveDetails(scopes, catalog, granted, grant.calls, parent))
    : null
  return { grant, scope, details }
}

function toolGrant(tool: Tool, part: RequestedPart, caps: Caps): ToolGrant {
  const { purpose, agent, parent } = caps
  const above = parent && Object.hasOwn(parent.grant.tools, tool.name) ? parent.grant.tools[tool.name] : undefined
  // If several parts of an assertion allow the tool, the bounds of all of them apply.
  const allowed = caps.assertion.flatMap((each) => allowingParts(each, tool))
  const bounds = [part, ...allowed].map((each) => each.bounds)
  const added = [conjunctOf(purpose.grant), conjunctOf(agent.ceiling), ...bounds].filter((each) => !isEmpty(each))
  return {
    action: tool.action,
    maxSensitivity: least([highest(caps, part, above), ...allowed.map((each) => each.maxSensitivity ?? "restricted")]),
    bounds: [...(above?.bounds ?? []), ...added],
  }
}

function highest({ purpose, agent }: Caps, part: RequestedPart | null, above: ToolGrant | undefined): Sensitivity {
  return least([
    purpose.grant.max_sensitivity,
    agent.ceiling.max_sensitivity,
    part?.maxSensitivity ?? "restricted",
    above?.maxSensitivity ?? "restricted",
  ])
}

/**
 * An agent that may call a tool of an MCP server may open and close a session with it; policy still decides each such
 * call.
 */
function lifecycleOf(
  catalog: readonly Tool[],
  granted: Readonly<Record<string, ToolGrant>>,
  caps: Caps,
): Record<string, ToolGrant> {
  const servers = new Set(catalog.filter((tool) => Object.hasOwn(granted, tool.name)).map((tool) => tool.server))
  const entries = catalog
    .filter((tool) => isLifecycle(tool) && servers.has(tool.server))
    .map((tool): [string, ToolGrant] => {
      const above = caps.parent?.grant.tools[tool.name]
      return [tool.name, { action: tool.action, maxSensitivity: highest(caps, null, above), bounds: [] }]
    })
  return Object.fromEntries(entries)
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
