/** `narrowgate client config`: the pages' own configurations, for a server of a catalog. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parse, stringify } from "yaml"
import { z } from "zod"
import { compilePolicies } from "../../../cli/compiler/compile.ts"
import { agentEntry, clientPages, filledClient } from "../../../cli/guides/client-page.ts"
import { expectFailures, run, type Ran } from "./run.ts"

const PAGES = await clientPages()
const VALUES = {
  server: "billing",
  url: "https://tools.shop.test/mcp",
  agent: "https://shop.test/agents/mine",
  narrowgate: "https://authz.shop.test",
}
const agentsFile = z.looseObject({ agents: z.array(z.looseObject({})) })

let directory = ""
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-client-"))
  await cp(join(import.meta.dirname, "../../../policies"), join(directory, "policies"), { recursive: true })
})
afterAll(async () => rm(directory, { recursive: true, force: true }))

const config = async (...args: readonly string[]): Promise<Ran> => run(directory, ["client", "config", ...args])

describe.each(PAGES.map((page) => [page.name, page] as const))("%s.md", (_name, page) => {
  it("is filled in completely", () => {
    const files = filledClient(page, VALUES)
    const text = files.map((file) => file.text).join()
    expect(text).toContain(VALUES.url)
    expect(/api\.example|narrowgate\.example|example\.org|\bdesk\b/.exec(text)).toBeNull()
  })

  it("has an entry of agents.yaml that a policy directory accepts", async () => {
    const file = join(directory, "policies/agents.yaml")
    const before = await readFile(file, "utf8")
    const own = { ...VALUES, agent: page.entry.id }
    const added = z.array(z.looseObject({})).parse(parse(agentEntry(page, own, ["refund-order"])))
    const value = agentsFile.parse(parse(before))
    await writeFile(file, stringify({ ...value, agents: [...value.agents, ...added] }))
    const { problems } = await compilePolicies(join(directory, "policies"))
    await writeFile(file, before)
    expect(problems.filter(({ severity }) => severity === "error")).toEqual([])
  })
})

it("what is to be pasted as JSON is JSON", () => {
  const files = PAGES.flatMap((page) => filledClient(page, VALUES)).filter(({ name }) => name.endsWith(".json"))
  expect(files.length).toBeGreaterThan(3)
  for (const { text } of files) expect(JSON.parse(text)).toBeTypeOf("object")
})

it("prints the entry to register until the agent is registered", async () => {
  const file = join(directory, "policies/agents.yaml")
  const before = await readFile(file, "utf8")
  const first = await config("codex", "--server", "desk", "--json")
  const { register } = z.object({ register: z.string() }).parse(JSON.parse(first.stdout))
  const value = agentsFile.parse(parse(before))
  await writeFile(
    file,
    stringify({ ...value, agents: [...value.agents, ...z.array(z.looseObject({})).parse(parse(register))] }),
  )
  const second = await config("codex", "--server", "desk", "--json")
  await writeFile(file, before)
  expect(JSON.parse(second.stdout)).toMatchObject({
    page: "codex",
    server: expect.stringMatching(/\/desk\/mcp$/),
    register: null,
  })
})

it("prints a single file as it is, and that a rule has to permit the agent", async () => {
  const [one, several] = [await config("cursor", "--server", "desk"), await config("codex", "--server", "desk")]
  expect(JSON.parse(one.stdout)).toHaveProperty("mcpServers.desk.url")
  expect(one.stderr).toContain("This is .cursor/mcp.json.")
  expect(one.stderr).toContain('`principal in AgentGroup::"support"`')
  expect(several.stdout).toMatch(/^==> in-a-terminal\.sh <==\n[^]*^==> config\.toml <==$/m)
})

it("refuses what it is called with by name", async () => {
  await expectFailures(config, [
    [["claud-code", "--server", "desk"], 2, "no client is called claud-code"],
    [["codex", "--server", "dsk"], 2, "the catalog has no server dsk"],
    [["codex"], 2, "Name one by --server: everything, desk, billing."],
    [["vscode", "--server", "desk", "--agent", "https://shop.test/a"], 2, "does not name its agent"],
    [["codex", "--server", "desk", "--policies", "elsewhere"], 1, "there is no directory `elsewhere`"],
  ])
})
