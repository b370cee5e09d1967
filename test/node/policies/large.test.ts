/** A large directory is checked while somebody waits: what grows with the square of anything shows here. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { compileFiles } from "../../../cli/policies/compile.ts"
import { reportProblems } from "../../../cli/report.ts"

const EXAMPLE = join(import.meta.dirname, "../../../policies")
const [RULES, TOOLS, AGENTS] = [1_000, 5_000, 100]
/** CPU, so that what else runs on the machine does not count; some four seconds where it was written. */
const MOST_SECONDS = 12

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)
const nameOf = (index: number) => `srv${index % 50}.area${index % 200}.tool${index}`

function tool(index: number): string {
  const [action, sensitivity] = [["read", "write", "execute"][index % 3], ["public", "internal"][index % 2]]
  const route = `{ origin: "http://127.0.0.1:8080", methods: [GET], path: "/t${index}/{id}" }`
  const more = `labels: [l${index % 7}], groups: [group-${index % 100}], route: ${route}`
  return `  - { name: ${nameOf(index)}, action: ${action}, sensitivity: ${sensitivity}, ${more} }\n`
}

function rule(index: number): string {
  const [group, agents] = [`ToolGroup::"group-${index % 100}"`, `AgentGroup::"agents-${index % 20}"`]
  const calls = 'action in [Action::"read", Action::"write", Action::"execute"]'
  const unknown = `resource == Tool::"${nameOf(index)}x"`
  return (
    [
      `permit (principal in ${agents}, ${calls}, resource in ${group}) when { resource.sensitivity_level <= ${index} };`,
      `permit (principal is User, ${calls}, resource) when { resource.sensitivity == "${index}" };`,
      `forbid (principal, action == Action::"read", ${unknown}) when { context.task.calls > ${index} };`,
      `forbid (principal, ${calls}, resource in ${group}) unless { context.task.purpose == "purpose-${index % 130}" };`,
    ].at(index % 4) ?? ""
  )
}

const scopes = (index: number) => `["srv${index % 50}.*:read", "srv${(index + 7) % 50}.*:write"]`
const grant = (index: number) => `{ tools: ${scopes(index)}, max_sensitivity: internal }`
const purpose = (index: number) =>
  `  - { name: purpose-${index}, grant: ${grant(index)}, default: ["srv${index % 50}.*:read"], life: 60 }\n`
const agent = (index: number) =>
  `  - { id: "spiffe://example.org/a${index}", owner: o, groups: [agents-${index % 20}], ` +
  `ceiling: ${grant(index)}, purposes: [purpose-${index}] }\n`

it("1,000 rules and 5,000 tools, many of them wrong, take seconds", () => {
  const shared = ["schema.cedarschema", "issuers.yaml", "gateways.yaml", "operators.yaml", "operators.cedar"]
  const texts = new Map([
    ...shared.map((file) => [file, readFileSync(join(EXAMPLE, file), "utf8")] as const),
    ["catalog.yaml", `tools:\n${numbers(TOOLS).map(tool).join("")}`] as const,
    [
      "agents.yaml",
      `purposes:\n${numbers(AGENTS).map(purpose).join("")}agents:\n${numbers(AGENTS).map(agent).join("")}`,
    ],
    [
      "rules.cedar",
      numbers(RULES)
        .map((index) => `@id("r${index}") ${rule(index)}`)
        .join("\n"),
    ],
  ])
  const before = process.cpuUsage()
  const { body, problems } = compileFiles({ texts, tables: new Map(), problems: [] })
  const report = reportProblems("policies", { problems, texts })
  const { user } = process.cpuUsage(before)
  expect(body?.rules).toHaveLength(RULES + 2)
  expect(problems.length).toBeGreaterThan(RULES / 2)
  expect(report).toContain("more of [never-holds]")
  expect(user / 1e6).toBeLessThan(MOST_SECONDS)
}, 120_000)
