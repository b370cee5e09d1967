/** The policies under test: what each takes from a starter, what it has of its own, and how its agents open tasks. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parse } from "yaml"

export const SUITES = ["banking", "slack", "travel", "workspace"] as const
export type Suite = (typeof SUITES)[number]

export interface Policy {
  readonly name: string
  /** Whose issuers, gateway, operators and schema it has. */
  readonly starter: string
  readonly suites: readonly Suite[]
  /** Groups of the user, as the rules name them. */
  readonly group: string
  readonly agent: string
  /** The task is opened for the tools that the user's task takes. Absent: for the whole grant of the first purpose. */
  readonly requestsTools?: true
  /** Sub-agents by the action class of the tools that they call. Absent: the agent calls itself. */
  readonly workers?: Readonly<Record<string, string>>
  /** Who approves single calls: the user, or a person of this group. Absent: no rule needs an approval. */
  readonly approver?: "user" | { readonly group: string }
}

export const POLICIES: readonly Policy[] = [
  { name: "read-only", starter: "read-only", suites: SUITES, group: "engineering", agent: "reader" },
  {
    name: "support-refunds",
    starter: "support-refunds",
    suites: ["banking"],
    group: "support",
    agent: "support",
    approver: { group: "finance" },
  },
  {
    name: "data-analyst",
    starter: "data-analyst",
    suites: ["travel", "workspace"],
    group: "operations",
    agent: "analyst",
  },
  {
    name: "pipeline",
    starter: "pipeline",
    suites: ["slack"],
    group: "engineering",
    agent: "planner",
    workers: { read: "researcher", write: "writer" },
  },
  { name: "coding-agent", starter: "coding-agent", suites: ["workspace"], group: "engineering", agent: "coder" },
  {
    name: "task-scoped",
    starter: "support-refunds",
    suites: SUITES,
    group: "staff",
    agent: "assistant",
    requestsTools: true,
    approver: "user",
  },
]

const HERE = join(import.meta.dirname, "policies")
const STARTERS = join(import.meta.dirname, "../../starters")
const FROM_STARTER = ["gateways.yaml", "issuers.yaml", "operators.cedar", "operators.yaml", "schema.cedarschema"]

/** What the benchmark reads of the catalog. */
export interface CatalogTool {
  readonly name: string
  readonly action: string
  readonly groups?: readonly string[]
}

export interface Catalog {
  readonly tools: readonly CatalogTool[]
  readonly bounds?: readonly { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> }[]
}

/** Writes the whole policy directory for one suite, as `narrowgate check` takes it. */
export async function writePolicies({ name, starter }: Policy, suite: Suite, directory: string): Promise<Catalog> {
  const files = new Map<string, string>()
  for (const file of FROM_STARTER) files.set(file, await readFile(join(STARTERS, starter, file), "utf8"))
  for (const from of [join(HERE, name), join(HERE, name, suite)]) {
    for (const [file, text] of await filesIn(from)) files.set(file, text)
  }
  const bounds = files.get("bounds.yaml") ?? ""
  files.delete("bounds.yaml")
  const text = `${await readFile(join(HERE, "catalogs", `${suite}.yaml`), "utf8")}\n${bounds}`
  const catalog: Catalog = parse(text)
  files.set("catalog.yaml", text)
  files.set("schema.cedarschema", withBounds(files.get("schema.cedarschema") ?? "", catalog))
  await mkdir(directory, { recursive: true })
  for (const [file, content] of files) await writeFile(join(directory, file), content)
  return catalog
}

async function filesIn(directory: string): Promise<[string, string][]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  const files = entries.filter((entry) => entry.isFile()).map((entry) => entry.name)
  return Promise.all(
    files.map(async (file): Promise<[string, string]> => [file, await readFile(join(directory, file), "utf8")]),
  )
}

/** Named bounds are declared in the schema: docs/guides/policies.md, "Bounds in rules". */
function withBounds(schema: string, { bounds = [] }: Catalog): string {
  if (bounds.length === 0) return schema
  const declared = bounds.map(({ name }) => `${name}: Bool`).join(", ")
  return schema.replace("type Call = {", `type Call = {\n  bounds: { ${declared} },`)
}
