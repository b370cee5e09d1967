/**
 * What somebody waits for after each edit: `narrowgate check` of 1,000 rules and 5,000 tools, many of them wrong, with the
 * report. It has no second side; five seconds are what one waits.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { compileFiles } from "../../cli/compiler/compile.ts"
import { reportProblems } from "../../cli/compiler/report.ts"
import { guard, type Benchmark } from "../benchmark.ts"

const EXAMPLE = join(import.meta.dirname, "../../policies")
const [RULES, TOOLS, AGENTS] = [1_000, 5_000, 100]
const PATIENCE_MS = 5_000
/** Each takes seconds. */
const ROUNDS = 3

export const checkPolicies: Benchmark = {
  name: "check-policies",
  question: "5 s against 1,000 rules and 5,000 tools, checked and reported with hundreds of warnings",
  unit: "ratio",
  target: 1,
  run: async () => {
    const texts = await largeDirectory()
    const times: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now()
      checkAll(texts)
      times.push(performance.now() - start)
    }
    const [least = 0, median = 0, most = 0] = times.toSorted((a, b) => a - b)
    const rate = { median: 1000 / median, least: 1000 / most, most: 1000 / least }
    return { value: PATIENCE_MS / median, sides: [{ name: "narrowgate check", rate, p50: median }] }
  },
}

function checkAll(texts: ReadonlyMap<string, string>): void {
  const { body, problems } = compileFiles({ texts, tables: new Map(), problems: [] })
  const report = reportProblems("policies", { problems, texts })
  guard((body?.rules.length ?? 0) > RULES, "it would become a bundle")
  guard(problems.length > RULES / 2 && report.includes("more of [never-holds]"), "what is wrong is told")
}

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
      `permit (principal, action == Action::"read", ${unknown}) when { context.task.calls > ${index} };`,
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

async function largeDirectory(): Promise<ReadonlyMap<string, string>> {
  const shared = ["schema.cedarschema", "issuers.yaml", "gateways.yaml", "operators.yaml", "operators.cedar"]
  const read = shared.map(async (file): Promise<[string, string]> => [
    file,
    await readFile(join(EXAMPLE, file), "utf8"),
  ])
  const [purposes, agents] = [numbers(AGENTS).map(purpose).join(""), numbers(AGENTS).map(agent).join("")]
  const rules = numbers(RULES).map((index) => `@id("r${index}") ${rule(index)}`)
  return new Map([
    ...(await Promise.all(read)),
    ["catalog.yaml", `tools:\n${numbers(TOOLS).map(tool).join("")}`],
    ["agents.yaml", `purposes:\n${purposes}agents:\n${agents}`],
    ["rules.cedar", rules.join("\n")],
  ])
}
