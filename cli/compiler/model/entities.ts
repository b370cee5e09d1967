/** The entities of a bundle: agents, tools, their groups, and those that `entities.json` adds. */
import type { CedarValueJson, EntityJson } from "@cedar-policy/cedar-wasm/nodejs"
import { sensitivityRank, type Tool } from "../../../src/core/catalog/tool.ts"
import type { EntityUid, StoredEntity } from "../../../src/core/policy/cedar/lowered.ts"
import { ROLES } from "../../../src/core/policy/definition/operators.ts"
import { AREAS } from "../../../src/core/policy/management.ts"
import { userId } from "../../../src/core/policy/principals.ts"
import { toOfficial } from "../source/exact-json.ts"
import type { AgentsFile } from "../schema/agents.ts"
import type { IssuersFile } from "../schema/issuers.ts"
import type { OperatorsFile } from "../schema/operators.ts"

/**
 * The build makes these types; the Worker makes `User` and `Operator` from a token. `entities.json` must not define
 * them.
 */
export const MADE_TYPES = [
  "Agent",
  "Tool",
  "AgentGroup",
  "ToolGroup",
  "Server",
  "User",
  "Operator",
  "OperatorGroup",
  "Area",
] as const
type MadeType = (typeof MADE_TYPES)[number]

export function madeEntities({ agents, registration }: AgentsFile, tools: readonly Tool[]): StoredEntity[] {
  const agentGroups = [...agents.flatMap(({ groups }) => groups), ...(registration?.groups ?? [])]
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

/** Operators as the Worker makes them, with their groups, and the areas that they manage. */
export function managingEntities({ operators }: OperatorsFile, { issuers }: IssuersFile): StoredEntity[] {
  const urls = new Map(issuers.map(({ id, issuer }) => [id, issuer ?? ""]))
  return [
    ...bare("OperatorGroup", ROLES),
    ...bare("Area", AREAS),
    ...operators.map(({ issuer: id, subject, roles }): StoredEntity => {
      const issuer = urls.get(id) ?? ""
      const parents = roles.map((role) => uid("OperatorGroup", role))
      return { uid: uid("Operator", userId({ issuer, subject })), attrs: { issuer, subject }, parents }
    }),
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

/** In the form that the official engine accepts. */
export function toCedar({ uid, attrs, tags, parents }: StoredEntity): EntityJson {
  return {
    uid: { ...uid },
    attrs: members(attrs),
    tags: members(tags ?? {}),
    parents: parents.map((one) => ({ ...one })),
  }
}

function members(values: StoredEntity["attrs"]): Record<string, CedarValueJson> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, toOfficial(value)]))
}
