/** The entities that a bundle brings along: agents, tools, their groups, and what `entities.json` adds. */
import { sensitivityRank, type Tool } from "../../src/catalog/tool.ts"
import type { EntityUid, StoredEntity } from "../../src/policy/lowered.ts"
import type { AgentsFile } from "./schema/agents.ts"

/** Made by the build; and `User`, made by the Worker from the session token. `entities.json` must not speak for them. */
export const MADE_TYPES = ["Agent", "Tool", "AgentGroup", "ToolGroup", "Server", "User"] as const
type MadeType = (typeof MADE_TYPES)[number]

export function madeEntities(agents: AgentsFile["agents"], tools: readonly Tool[]): StoredEntity[] {
  const agentGroups = agents.flatMap(({ groups }) => groups)
  const toolGroups = tools.flatMap(({ groups }) => groups)
  const servers = tools.map(({ server }) => server)
  return [
    ...bare("AgentGroup", agentGroups),
    ...bare("ToolGroup", toolGroups),
    ...bare("Server", servers),
    ...agents.map(agentEntity),
    ...tools.map(toolEntity),
  ]
}

export function uidText({ type, id }: EntityUid): string {
  return `${type}::${JSON.stringify(id)}`
}

function agentEntity({ id, owner, groups }: AgentsFile["agents"][number]): StoredEntity {
  return { uid: uid("Agent", id), attrs: { owner }, parents: groups.map((group) => uid("AgentGroup", group)) }
}

function toolEntity({ name, server, action, sensitivity, labels, groups }: Tool): StoredEntity {
  return {
    uid: uid("Tool", name),
    attrs: { server, action, sensitivity, sensitivity_level: sensitivityRank(sensitivity), labels },
    parents: [...groups.map((group) => uid("ToolGroup", group)), uid("Server", server)],
  }
}

function bare(type: MadeType, ids: readonly string[]): StoredEntity[] {
  return [...new Set(ids)].toSorted().map((id) => ({ uid: uid(type, id), attrs: {}, parents: [] }))
}

function uid(type: MadeType, id: string): EntityUid {
  return { type, id }
}
