/** A policy directory of any size with its decision tables: agents with purposes of their own, tools in groups, rules of four kinds. */
import { copyFile, mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"

export interface Size {
  readonly rules: number
  readonly tools: number
  readonly cases: number
}

const AGENTS = 50
const GROUPS = 100
const ORIGIN = "https://api.bench.example"

/** Each case has a task and two calls, and is allowed by rules of a user and of an agent; some tools are kept from it. */
export async function writeManyCases(directory: string, { rules, tools, cases }: Size): Promise<void> {
  await mkdir(directory, { recursive: true })
  const schema = join(import.meta.dirname, "../policies/schema.cedarschema")
  await copyFile(schema, join(directory, "schema.cedarschema"))
  const each = Math.floor(tools / AGENTS)
  // JSON is YAML.
  const files = {
    "catalog.yaml": `tools:\n${lines(tools, (number) => `  - ${JSON.stringify(toolOf(number))}`)}`,
    "agents.yaml": JSON.stringify({ purposes: list(AGENTS, (n) => purposeOf(n, each)), agents: list(AGENTS, agentOf) }),
    "issuers.yaml": JSON.stringify({ issuers: ISSUERS }),
    "gateways.yaml": JSON.stringify({ gateways: [GATEWAY] }),
    "rules.cedar": lines(rules, (number) => ruleOf(number, tools)),
    "many.test.yaml": `given: ${JSON.stringify({ user: USER })}\ntests:\n${lines(cases, (n) => caseOf(n, each))}`,
  }
  for (const [file, text] of Object.entries(files)) await writeFile(join(directory, file), text)
}

const list = <Item>(count: number, itemOf: (number: number) => Item): readonly Item[] =>
  Array.from({ length: count }, (_, number) => itemOf(number))
const lines = (count: number, lineOf: (number: number) => string): string => `${list(count, lineOf).join("\n")}\n`

const USER = { subject: "alice", groups: ["staff"] }
const agentId = (number: number): string => `spiffe://bench.example/agent/a${number}`
const toolName = (number: number): string => `erp.t${number}.get`

const ISSUERS = [
  {
    id: "people",
    issuer: "https://idp.bench.example",
    keys: { discovery: true },
    algorithms: ["ES256"],
    users: { audiences: ["https://authz.bench.example"], clients: ["app"] },
  },
  {
    id: "workloads",
    trust_domain: "bench.example",
    keys: { spiffe_bundle: "https://spire.bench.example/bundle" },
    algorithms: ["ES256"],
  },
]

const GATEWAY = {
  id: "edge",
  dialect: "envoy",
  key_sha256: [],
  origins: [ORIGIN],
  audience: ORIGIN,
  environment: "bench",
  body: true,
}

function toolOf(number: number): object {
  const labels = number % 10 === 0 ? ["reads:confidential"] : []
  const route = { origin: ORIGIN, methods: ["GET"], path: `/erp/t${number}/{item}` }
  return {
    name: toolName(number),
    action: "read",
    sensitivity: "internal",
    groups: [`g${number % GROUPS}`],
    labels,
    route,
  }
}

/** An agent's tools are those that follow each other. */
function purposeOf(number: number, each: number): object {
  const tools = list(each, (index) => `erp.t${number * each + index}.*:read`)
  return { name: `p${number}`, grant: { tools, max_sensitivity: "internal" }, life: 3600 }
}

function agentOf(number: number): object {
  const ceiling = { tools: ["erp.*:read"], max_sensitivity: "internal" }
  return { id: agentId(number), owner: "bench", groups: [`a${number}`], ceiling, purposes: [`p${number}`] }
}

function ruleOf(number: number, tools: number): string {
  const kind = KINDS[number % KINDS.length] ?? KINDS[0]
  return `@id("r${number}")\n${kind(Math.floor(number / KINDS.length), tools)}`
}

const KINDS = [
  (n: number) => `
permit (principal in AgentGroup::"a${n % AGENTS}", action in [Action::"read", Action::"delegate"], resource);`,
  (n: number) => `
permit (
  principal in UserGroup::"staff",
  action in [Action::"read", Action::"delegate"],
  resource in ToolGroup::"g${n % GROUPS}"
)
when { resource.sensitivity_level <= 1 };`,
  (n: number) => `
forbid (principal, action == Action::"read", resource in ToolGroup::"g${n % GROUPS}")
when { context.task.labels.contains("reads:confidential") && context.task.calls > ${n + 5} };`,
  (n: number, tools: number) => `
forbid (principal, action == Action::"read", resource == Tool::"${toolName((n * 20) % tools)}")
when { context.task.purpose == "p${n % AGENTS}" && context.task.age > ${n + 60} };`,
] as const

function caseOf(number: number, each: number): string {
  const agent = number % AGENTS
  const tool = toolName(agent * each + ((number * 7) % each))
  const given = { agent: agentId(agent), scope: `${tool}:read` }
  const asks = { given, after: [tool], call: tool, arguments: { item: "1" }, expect: "allow" }
  return `  - ${JSON.stringify({ name: `case ${number}`, ...asks })}`
}
