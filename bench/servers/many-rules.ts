/** A thousand rules, with tools, agents and groups that they are about, added to a copy of bench/policies. */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { ORIGIN } from "./identities.ts"

export const MANY_RULES = 1_000
/** By one of the added rules, and by none of the ten. */
export const FORBIDDEN_TICKET = "T-9-1"
const TOOLS = 200
const AGENTS = 100
const GROUPS = 50

/**
 * The ten rules are among them; none of the others changes what these decide about the calls of benchmarks/trees.ts.
 */
export async function addManyRules(directory: string): Promise<void> {
  const rules = await readFile(join(directory, "desk.cedar"), "utf8")
  const missing = MANY_RULES - rules.split(/^@id\(/m).length + 1
  await writeFile(join(directory, "erp.cedar"), numbered(missing, ruleOf))
  await append(join(directory, "catalog.yaml"), numbered(TOOLS, toolOf))
  await append(join(directory, "agents.yaml"), numbered(AGENTS, agentOf))
}

const numbered = (count: number, entryOf: (number: number) => string): string =>
  Array.from({ length: count }, (_, number) => entryOf(number)).join("")

async function append(file: string, entries: string): Promise<void> {
  await writeFile(file, (await readFile(file, "utf8")) + entries)
}

const tool = (number: number): string => `erp.t${number % TOOLS}.get`
const agent = (number: number): string => `spiffe://bench.example/agent/erp-${number % AGENTS}`
const group = (number: number): string => `erp-${number % GROUPS}`

// Both lists are the last of their file. JSON is YAML.

function toolOf(number: number): string {
  const route = { origin: ORIGIN, methods: ["GET"], path: `/erp/t${number}/{item}` }
  const groups = [group(number)]
  return `  - ${JSON.stringify({ name: tool(number), action: "read", sensitivity: "internal", groups, route })}\n`
}

function agentOf(number: number): string {
  const ceiling = { tools: ["crm.tickets.*:read", "erp.*:read"], max_sensitivity: "internal" }
  const groups = [group(number)]
  const entry = { id: agent(number), owner: "bench", groups, ceiling, purposes: ["triage-ticket"] }
  return `  - ${JSON.stringify(entry)}\n`
}

/** One in ten is about the very tool that is called, and is evaluated to its end: a forbid that does not hold. */
function ruleOf(number: number): string {
  const rule = KINDS[number % KINDS.length] ?? KINDS[0]
  return `@id("erp-${number}")\n${rule(number)}\n`
}

const agentOnTool = (number: number): string => `
permit (principal == Agent::"${agent(number)}", action == Action::"read", resource == Tool::"${tool(number)}")
when { context.task.purpose == "triage-ticket" && context.task.depth <= ${number % 4} };`

const groupOnGroup = (number: number): string => `
permit (
  principal in AgentGroup::"${group(number)}",
  action in [Action::"read", Action::"delegate"],
  resource in ToolGroup::"${group(number + 1)}"
)
when { resource.sensitivity_level <= 1 };`

const usersOnTool = (number: number): string => `
permit (principal in UserGroup::"${group(number)}", action == Action::"read", resource == Tool::"${tool(number)}");`

const labelsOfGroup = (number: number): string => `
forbid (principal, action in [Action::"read", Action::"write"], resource in ToolGroup::"${group(number)}")
when { context.task.labels.contains("reads:confidential") && context.task.calls > ${number} };`

const ticketsOfOthers = (number: number): string => `
forbid (principal, action == Action::"read", resource == Tool::"crm.tickets.get")
when { context.arguments has ticket && context.arguments.ticket like "T-${number}-*" };`

const KINDS = [
  agentOnTool,
  groupOnGroup,
  usersOnTool,
  labelsOfGroup,
  agentOnTool,
  groupOnGroup,
  usersOnTool,
  labelsOfGroup,
  agentOnTool,
  ticketsOfOthers,
] as const
