import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { stripVTControlCharacters } from "node:util"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { reportProblems } from "../../../cli/compiler/report.ts"
import { compilePolicies } from "../../../cli/compiler/compile.ts"
import type { Problem } from "../../../cli/compiler/source/problem.ts"
import { Work } from "../../../src/core/encoding/work.ts"
import { assemble } from "../../../src/core/policy/assemble.ts"
import { entity, record } from "../../../src/core/policy/cedar/values/value.ts"
import { LIFECYCLE_TOOLS } from "../../../src/core/catalog/lifecycle.ts"
import { encode } from "../../../src/core/policy/encode.ts"
import { canonicalBytes, digestOf } from "../../../src/core/policy/digest.ts"
import { BAD_DIRECTORIES, type BadDirectory } from "./bad-directories.ts"

const EXAMPLE = join(import.meta.dirname, "../../../policies")

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-policies-"))
  await cp(EXAMPLE, directory, { recursive: true })
})
afterEach(() => rm(directory, { recursive: true }))

describe("the example policies", () => {
  it("check clean", async () => {
    const { body, problems } = await compilePolicies(EXAMPLE)
    expect(problems).toEqual([])
    expect(body).not.toBeNull()
  })

  it("always give the same digest", async () => {
    expect(await digestOfDirectory(EXAMPLE)).toBe(await digestOfDirectory(directory))
  })

  it("give another digest once anything changes", async () => {
    const before = await digestOfDirectory(directory)
    await edit("guardrails.yaml", "limit: 600", "limit: 601")
    expect(await digestOfDirectory(directory)).not.toBe(before)
  })

  it("give each MCP server its lifecycle tools, of which a listed one is taken as listed", async () => {
    const listed = "tools:\n  - { name: desk.mcp.initialize, action: write, sensitivity: internal, cost: 3 }\n"
    await edit("catalog.yaml", "tools:\n", listed)
    const { body } = await compilePolicies(directory)
    const lifecycle = body?.tools.filter(({ name }) => name.includes(".mcp."))
    expect(lifecycle).toHaveLength(3 * LIFECYCLE_TOOLS.length)
    const byName = new Map(lifecycle?.map((tool) => [tool.name, tool]))
    expect(byName.get("desk.mcp.initialize")).toMatchObject({ action: "write", cost: 3, groups: [] })
    expect(byName.get("desk.mcp.stream")).toMatchObject({ action: "read", cost: 0, groups: ["mcp-lifecycle"] })
  })

  it("become entities with their groups", async () => {
    const { body } = await compilePolicies(EXAMPLE)
    expect(body?.entities).toContainEqual({
      uid: { type: "Tool", id: "crm.customers.get" },
      attrs: {
        server: "crm",
        action: "read",
        sensitivity: "confidential",
        sensitivity_level: 2,
        labels: ["reads:confidential"],
      },
      parents: [
        { type: "ToolGroup", id: "support-desk" },
        { type: "Server", id: "crm" },
      ],
    })
    expect(body?.entities).toContainEqual({ uid: { type: "AgentGroup", id: "research" }, attrs: {}, parents: [] })
  })
})

describe("operators", () => {
  it("whom no rule permits anything are a warning, where they stand", async () => {
    await rm(join(directory, "operators.cedar"))
    const { body, problems } = await compilePolicies(directory)
    expect(body).not.toBeNull()
    expect(problems).toMatchObject([{ file: "operators.yaml", line: 7, column: 3, severity: "warning" }])
    expect(problems[0]?.message).toContain("no rule permits the action `manage`")
  })

  it("where there are none, the schema need not speak of them", async () => {
    await rm(join(directory, "operators.cedar"))
    await rm(join(directory, "operators.yaml"))
    const schema = await readFile(join(directory, "schema.cedarschema"), "utf8")
    const [before = "", after = ""] = schema.split("// Who manages")
    const calls = after.slice(after.indexOf("// The task that"), after.indexOf("// A request to manage"))
    await writeFile(join(directory, "schema.cedarschema"), before + calls)
    expect((await compilePolicies(directory)).problems).toEqual([])
  })
})

describe("values that JSON and the schema do not say by themselves", () => {
  const NETWORKS = `[{ "uid": { "type": "Network", "id": "office" },
    "attrs": { "range": { "__extn": { "fn": "ip", "arg": "10.0.0.0/8" } }, "limit": 9223372036854775807 },
    "tags": { "least": -9223372036854775808 } }]`
  const RULE = `
@id("office-only") forbid (principal, action == Action::"delegate", resource)
unless { Network::"office".range.isInRange(ip("10.0.0.0/7")) && Network::"office".limit == 9223372036854775807 &&
  Network::"office".hasTag("least") && Network::"office".getTag("least") == -9223372036854775808 };
`

  async function withNetworks(text: string): ReturnType<typeof compilePolicies> {
    const declared = "entity Network = { range: ipaddr, limit: Long } tags Long;\nentity AgentGroup"
    await edit("schema.cedarschema", "entity AgentGroup", declared)
    await writeFile(join(directory, "entities.json"), text)
    return compilePolicies(directory)
  }

  it.each([
    ["10.0.0.0/8", "10.0.0.0/33"],
    ["9223372036854775807", "9223372036854775808"],
    ["-9223372036854775808", "1.5"],
  ])("%s is one, %s is none", async (good, bad) => {
    const { body, problems } = await withNetworks(NETWORKS.replace(good, bad))
    expect(problems).toMatchObject([{ file: "entities.json", line: expect.any(Number), severity: "error" }])
    expect(body).toBeNull()
  })

  it("reach the edge as they were written", async () => {
    await writeFile(join(directory, "office.cedar"), RULE)
    const { body, problems } = await withNetworks(NETWORKS)
    expect(problems).toEqual([])
    if (!body) throw new Error("the policies do not compile")
    const { engine, entities } = assemble(encode(body), { seq: 1, digest: "" })
    const request = {
      principal: entity("User", "u"),
      resource: entity("Tool", "crm.tickets.list"),
      context: record({}),
      work: new Work(Infinity),
    }
    const answer = engine.authorize({ ...request, action: entity("Action", "delegate") }, entities)
    expect(answer.determining).not.toContain("office-only")
    expect(answer.erring).toEqual([])
  })
})

describe("a template", () => {
  const link = (agent: string) =>
    `links:\n  - id: desk-reads\n    template: reads\n    principal: { type: Agent, id: "${agent}" }\n`
  const TEMPLATE = `@id("reads") permit (principal == ?principal, action == Action::"read", resource);\n`

  it("becomes a rule with its link", async () => {
    await writeFile(join(directory, "templates.cedar"), TEMPLATE)
    await writeFile(join(directory, "links.yaml"), link("spiffe://example.org/agent/nightly"))
    const { body, problems } = await compilePolicies(directory)
    expect(problems).toEqual([])
    expect(body?.rules.map(({ id }) => id)).toContain("desk-reads")
    expect(body?.rules.map(({ id }) => id)).not.toContain("reads")
  })

  it("linked with an agent that is not there is a warning", async () => {
    await writeFile(join(directory, "templates.cedar"), TEMPLATE)
    await writeFile(join(directory, "links.yaml"), link("spiffe://example.org/agent/nightlyy"))
    const { problems } = await compilePolicies(directory)
    expect(problems).toMatchObject([
      { file: "links.yaml", line: 4, severity: "warning", message: expect.stringMatching(/is not there/) },
    ])
  })
})

describe("what is beside the policies", () => {
  it("leaves decision tables and prose aside", async () => {
    await writeFile(join(directory, "tickets.test.yaml"), "not: [valid")
    await writeFile(join(directory, "README.md"), "# Ours\n")
    expect((await compilePolicies(directory)).problems).toEqual([])
  })

  it("reports a directory that is not there", async () => {
    const { body, problems } = await compilePolicies(join(directory, "nowhere"))
    expect(body).toBeNull()
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining("there is no directory")])
  })
})

describe("a policy directory with", () => {
  it.each(BAD_DIRECTORIES.map((bad) => [bad.name, bad] as const))("%s", async (_name, bad) => {
    await spoil(bad)
    const { body, problems, texts } = await compilePolicies(directory)
    const found = problems.filter(({ file, message }) => file === bad.file && bad.message.test(message))
    expect(found, JSON.stringify(problems, null, 2)).toHaveLength(1)
    const [problem] = found
    expect(problem?.severity).toBe(bad.severity ?? "error")
    expect(problem?.fix).toMatch(bad.fix ?? /\S/)
    expect({ line: problem?.line, column: problem?.column }).toEqual(placeOf(texts.get(bad.file) ?? "", bad.at))
    expect(body === null).toBe(bad.severity === undefined)
    const others = problems.filter((other) => other !== problem)
    expect(others.filter(({ message }) => !FOLLOWS.test(message) && bad.follows?.test(message) !== true)).toEqual([])
    if (problem) expectExcerpt(problem, texts, bad.at ?? "")
  })
})

/** What breaks wherever the example loses its approvals, or its agent of that name: rules of it speak of them. */
const FOLLOWS = /^@remedy of rule ".*": no approval is called|^`Agent::".*"` is not there, so nothing matches it$/u
/** Nothing is shown of a file that is not there, of one that should not be, and of a private key. */
const HIDDEN = /^`[a-z.]+` is missing$|^no policy file has this name|a private key$/u

/** People see the line, and the text that is meant is underlined from its first character. */
function expectExcerpt(problem: Problem, texts: ReadonlyMap<string, string>, meant: string): void {
  const { file, line, column, severity, message, fix } = problem
  const report = reportProblems("policies", { problems: [problem], texts })
  const lines = stripVTControlCharacters(report).trimEnd().split("\n")
  expect(lines[0]).toMatch(`policies/${file}:${line}:${column} ${severity}: `)
  expect(lines.at(-1)).toBe(`  fix: ${fix}`)
  const at = lines.findIndex((each) => /^ +\| \s*\^+$/u.test(each))
  expect(at === -1).toBe(HIDDEN.test(message))
  const [source = "", marks = ""] = lines.slice(at - 1, at + 1)
  const underlined = source.slice(marks.indexOf("^"), marks.length)
  const [firstLine = ""] = meant.split("\n")
  expect(at === -1 || underlined.startsWith(firstLine) || firstLine.startsWith(underlined)).toBe(true)
}

async function spoil({ file, find, replace, also }: BadDirectory): Promise<void> {
  if (also) await writeFile(join(directory, also.file), also.replace)
  if (find !== undefined) return edit(file, find, replace ?? "")
  return replace === undefined ? rm(join(directory, file)) : writeFile(join(directory, file), replace)
}

async function edit(file: string, find: string, replace: string): Promise<void> {
  const text = await readFile(join(directory, file), "utf8")
  expect(text, `${file} no longer has the text that this case changes`).toContain(find)
  await writeFile(
    join(directory, file),
    text.replace(find, () => replace),
  )
}

function placeOf(text: string, at = ""): { line: number; column: number } {
  const offset = text.indexOf(at)
  const before = text.slice(0, offset).split("\n")
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}

async function digestOfDirectory(path: string): Promise<string> {
  const { body } = await compilePolicies(path)
  if (!body) throw new Error("the policies do not compile")
  return digestOf(canonicalBytes(body))
}
