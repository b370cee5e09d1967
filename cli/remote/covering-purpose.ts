/** For which purpose an agent may call a tool, as the policy directory says: its own purposes first, then others'. */
import { within } from "../../src/core/task/narrow.ts"
import { anyCovers, formatScope, parseScope } from "../../src/core/catalog/pattern.ts"
import type { Tool } from "../../src/core/catalog/tool.ts"
import type { PurposeDefinition } from "../../src/core/policy/definition/agents.ts"
import type { GrantDefinition } from "../../src/core/policy/definition/grant.ts"
import { parsePolicies } from "../compiler/model/policies.ts"
import { readPolicies } from "../compiler/model/read-directory.ts"
import { allTools } from "../compiler/model/tools.ts"
import { toAgent } from "../compiler/schema/agents.ts"

export interface CoveringPurpose {
  /** Undefined: the agent's first. */
  readonly purpose?: string
  /** The scopes to request; undefined: the default of the purpose has the tool. */
  readonly scope?: string
  /** If the purpose does not cover the tool: a sentence that says what would. Null: it does. */
  readonly lacking: string | null
}

const MOST_OTHERS = 5

/** @returns null if the directory does not say; the Worker then does */
export async function coveringPurpose(
  directory: string,
  agentId: string,
  toolName: string,
  wanted: string | undefined,
): Promise<CoveringPurpose | null> {
  const { texts } = await readPolicies(directory)
  const { policies } = parsePolicies(texts)
  const tool = policies && allTools(policies.catalog.value).find(({ name }) => name === toolName)
  if (!policies || !tool) return null
  const { agents, purposes } = policies.agents.value
  const purposesOf = (agent: (typeof agents)[number]): readonly PurposeDefinition[] =>
    agent.purposes.flatMap((name) => purposes.find((each) => each.name === name) ?? [])
  const coveringOf = (agent: (typeof agents)[number]): readonly PurposeDefinition[] =>
    within(toAgent(agent).ceiling)(tool) ? purposesOf(agent).filter(({ grant }) => within(grant)(tool)) : []
  const agent = agents.find(({ id }) => id === agentId)
  const covering = agent ? coveringOf(agent) : []
  const chosen = wanted === undefined ? covering[0] : covering.find(({ name }) => name === wanted)
  if (chosen) return { purpose: chosen.name, ...scopeOf(chosen, tool), lacking: null }
  const others = agents.flatMap((each) => coveringOf(each).map(({ name }) => `--agent ${each.id} --purpose ${name}`))
  const scope = formatScope({ pattern: tool.name, action: tool.action })
  const lacking =
    others.length > 0
      ? `These cover the tool: ${others.slice(0, MOST_OTHERS).join("; ")}.`
      : agents.some((each) => isTooSensitive(tool, toAgent(each).ceiling, purposesOf(each)))
        ? `No purpose of an agent covers the tool, because it is \`${tool.sensitivity}\`: \`max_sensitivity\` of a purpose and of the agent's ceiling has to be as high, in agents.yaml.`
        : `No purpose of an agent covers the tool: \`${scope}\` has to be in a purpose and in the agent's ceiling, in agents.yaml.`
  return { ...(wanted !== undefined && { purpose: wanted }), lacking }
}

/** The scopes are there: only the sensitivity is in the way. */
function isTooSensitive(tool: Tool, ceiling: GrantDefinition, purposes: readonly PurposeDefinition[]): boolean {
  const names = ({ tools }: GrantDefinition): boolean =>
    anyCovers(tools.flatMap((text) => parseScope(text) ?? []))(tool)
  return names(ceiling) && purposes.some(({ grant }) => names(grant))
}

/** A purpose may hold more than it grants by default: the tool is then requested besides. */
function scopeOf({ grant, default: usual = grant.tools }: PurposeDefinition, tool: Tool): { readonly scope?: string } {
  if (anyCovers(usual.flatMap((text) => parseScope(text) ?? []))(tool)) return {}
  return { scope: [...usual, formatScope({ pattern: tool.name, action: tool.action })].join(" ") }
}
