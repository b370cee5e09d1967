import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { stringify } from "yaml"
import { compilePolicies } from "../../../cli/compiler/compile.ts"

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-policies-"))
  await cp(join(import.meta.dirname, "../../../policies"), directory, { recursive: true })
})
afterEach(() => rm(directory, { recursive: true }))

const CLASS = {
  class: "mcp",
  owner: "support-team",
  groups: ["support", "newcomers"],
  ceiling: { tools: ["desk.*:read"], max_sensitivity: "internal" },
  purposes: ["triage-ticket"],
}

async function compiled(changes: object, rules = "") {
  await appendFile(join(directory, "agents.yaml"), stringify({ registration: { ...CLASS, ...changes } }))
  await appendFile(join(directory, "support.cedar"), rules)
  return compilePolicies(directory)
}

it("a class of clients that register themselves is a member of the bundle, with its defaults", async () => {
  const { body, problems } = await compiled({})
  expect(problems).toEqual([])
  expect(body?.registration).toEqual({
    ...CLASS,
    ceiling: { ...CLASS.ceiling, arguments: {} },
    life: 30 * 86_400,
    per_minute: 40,
    per_day: 500,
    most: 5_000,
  })
  expect(body?.entities).toContainEqual({ uid: { type: "AgentGroup", id: "newcomers" }, attrs: {}, parents: [] })
})

it("without one, the bundle has none", async () => {
  expect((await compilePolicies(directory)).body?.registration).toBeNull()
})

it("a rule for a group that only such clients are in is no slip", async () => {
  const rule = `@id("newcomers-read-no-mail") forbid (
  principal in AgentGroup::"newcomers",
  action == Action::"read",
  resource == Tool::"desk.read-ticket"
);
`
  expect((await compiled({}, rule)).problems).toEqual([])
})

it.each<readonly [object, string]>([
  [{ purposes: ["unknown"] }, "no purpose is called `unknown`"],
  [{ purposes: ["refund-order"] }, "the agent's ceiling covers no tool of purpose `refund-order`"],
  [{ audiences: ["https://unknown.example/"] }, "no gateway has the audience `https://unknown.example/`"],
  [{ ceiling: { ...CLASS.ceiling, environments: ["unknown"] } }, "no gateway is in environment `unknown`"],
  [{ ceiling: { ...CLASS.ceiling, tools: ["unknown.*:read"] } }, "unknown.*"],
  [{ class: "a/b" }, "not the name of a class"],
  [{ class: "" }, "not the name of a class"],
  [{ life: "32d" }, "not a span of time"],
  [{ per_day: 0 }, "per_day"],
  [{ depth: 1 }, "depth"],
  [{ client: { redirect_uris: ["https://app.example/"] } }, "client"],
])("%o is refused where it stands", async (changes, message) => {
  const { body, problems } = await compiled(changes)
  expect(body).toBeNull()
  const said = problems.map((problem) => `${problem.file} ${problem.severity} ${JSON.stringify(problem)}`)
  expect(said.join("\n")).toContain(message)
  expect(problems.every(({ file }) => file === "agents.yaml")).toBe(true)
})

it.each(["https://authz.example/clients/mcp", "https://authz.example/clients/other/AAAAAAAAAAAAAAAAAAAAAA"])(
  "%s, whose history would be that of such clients, is no agent's id",
  async (id) => {
    const file = join(directory, "agents.yaml")
    const text = await readFile(file, "utf8")
    await writeFile(file, text.replaceAll("spiffe://example.org/agent/researcher", id))
    const { body, problems } = await compiled({})
    expect(body).toBeNull()
    expect(JSON.stringify(problems)).toContain("has the form of those of clients that register themselves")
  },
)
