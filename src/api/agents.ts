/**
 * `/v1/agents`: the registered agents, when each was last seen, and which of its permissions it has used according to
 * the newest records.
 */
import { agentsSeen, toolsUsed, type SearchedRange, type ToolUsed } from "../audit/agents-seen.ts"
import { historyKeyOf } from "../core/guardrails/history-key.ts"
import { isLifecycle } from "../core/catalog/lifecycle.ts"
import type { Tool } from "../core/catalog/tool.ts"
import { within } from "../core/task/narrow.ts"
import type { AgentDefinition, IdentityDefinition, PurposeDefinition } from "../core/policy/definition/agents.ts"
import type { GrantDefinition } from "../core/policy/definition/grant.ts"
import type { Handler } from "./handler.ts"

/** How many tools the answer about one agent lists; the most recently used ones come first. */
const MAX_TOOLS = 500

export const listAgents: Handler<"listAgents"> = async ({ query: { after, limit }, bundle, context }) => {
  const all = [...bundle.agents.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const from = after === undefined ? all : all.filter(({ id }) => id > after)
  const { looked_at, agents: seen } = await agentsSeen(context.env)
  const agents = from.slice(0, limit).map(({ id, owner, groups, purposes, delegates_to, bound_key }) => {
    const { last: last_seen = null, calls = 0, denied = 0 } = seen.get(historyKeyOf(id)) ?? {}
    return { id, owner, groups, purposes, delegates_to, bound_key, last_seen, calls, denied }
  })
  return { answer: { agents, more: from.length > limit, total: all.length, looked_at } }
}

export const showAgent: Handler<"showAgent"> = async ({ parameters: { agent: id }, bundle, context }) => {
  const agent = bundle.agents.get(id)
  if (!agent) {
    const denial = { reason: "not_found", what: id.slice(0, 2_048) } as const
    return { error: "not_found", description: "There is no such agent in the live bundle.", denial }
  }
  const key = historyKeyOf(id)
  const [used, seen] = await Promise.all([toolsUsed(context.env, key), agentsSeen(context.env)])
  const { last: last_seen = null, calls = 0, denied = 0 } = seen.agents.get(key) ?? {}
  const purposes = agent.purposes.flatMap((name) => bundle.purposes.get(name) ?? [])
  return {
    answer: {
      ...agentView(agent),
      history: key,
      purposes: purposes.map(purposeView),
      last_seen,
      calls,
      denied,
      permissions: permissionsOf(agent, purposes, bundle.catalog.tools.values(), used),
    },
  }
}

function agentView({ identities, ...agent }: AgentDefinition) {
  const { ceiling, ...rest } = agent
  return { ...rest, ceiling: grantView(ceiling), identities: (identities ?? []).map(identityView) }
}

/** Shows how an agent authenticates, without the keys that verify it. */
function identityView(identity: IdentityDefinition) {
  if (identity.kind === "private_key_jwt") return { kind: identity.kind, keys: identity.keys.kind }
  const { kind, issuer, subject, instance } = identity
  return { kind, issuer, subject, ...(instance && { instance: [...instance] }) }
}

const grantView = ({ tools, max_sensitivity, environments, calls, arguments: bounds, closed }: GrantDefinition) => ({
  tools,
  max_sensitivity,
  arguments: bounds,
  closed: closed ?? false,
  environments: environments ?? null,
  calls: calls ?? null,
})

function purposeView({ name, grant, default: defaultTools, life, idle, user, plan }: PurposeDefinition) {
  const limits = { life, idle: idle ?? null, user, has_plan: plan !== undefined }
  return { name, grant: grantView(grant), default: defaultTools ?? grant.tools, ...limits }
}

interface Permissions {
  readonly looked_at: SearchedRange
  /** Tools that both a purpose and the ceiling cover, and how the agent has used each of them. */
  readonly tools: readonly (Omit<ToolUsed, "last"> & {
    readonly action: string
    readonly sensitivity: string
    readonly purposes: readonly string[]
    readonly last: number | null
  })[]
  readonly total: number
  /** How many of these tools the agent was never allowed to call. */
  readonly unused: number
  /** Tools that the agent called although none of its purposes covers them. */
  readonly beyond: readonly ToolUsed[]
}

function permissionsOf(
  agent: AgentDefinition,
  purposes: readonly PurposeDefinition[],
  catalog: Iterable<Tool>,
  { looked_at, tools }: { readonly looked_at: SearchedRange; readonly tools: readonly ToolUsed[] },
): Permissions {
  const used = new Map(tools.map((one) => [one.tool, one]))
  const isAtMost = within(agent.ceiling)
  const covers = purposes.map(({ name, grant }) => ({ name, isCovered: within(grant) }))
  const all = [...catalog]
  // Lifecycle tools come with the other tools of their server, so they are no permission of their own.
  const lifecycle = new Set(all.filter(isLifecycle).map(({ name }) => name))
  const covered = all.flatMap((tool) => {
    if (!isAtMost(tool) || lifecycle.has(tool.name)) return []
    const by = covers.filter(({ isCovered }) => isCovered(tool)).map(({ name }) => name)
    if (by.length === 0) return []
    const { calls = 0, denied = 0, last = null } = used.get(tool.name) ?? {}
    return { tool: tool.name, action: tool.action, sensitivity: tool.sensitivity, purposes: by, calls, denied, last }
  })
  const names = new Set(covered.map(({ tool }) => tool))
  return {
    looked_at,
    tools: covered.toSorted((a, b) => (b.last ?? 0) - (a.last ?? 0) || (a.tool < b.tool ? -1 : 1)).slice(0, MAX_TOOLS),
    total: covered.length,
    unused: covered.filter(({ calls, denied }) => calls === denied).length,
    beyond: tools.filter(({ tool }) => !names.has(tool) && !lifecycle.has(tool)).slice(0, MAX_TOOLS),
  }
}
