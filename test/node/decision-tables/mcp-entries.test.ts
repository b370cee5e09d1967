/** A table calls resources and prompts by their names, as tools, or by the messages that clients send. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { run } from "../cli/run.ts"

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-tables-"))
  await cp(join(import.meta.dirname, "../../../policies"), join(directory, "policies"), { recursive: true })
})
afterEach(() => rm(directory, { recursive: true }))

const ENTRIES = `  - name: everything.rows
    action: read
    sensitivity: internal
    groups: [support-desk]
    resource: db://tables/{to}
  - name: everything.ask
    action: read
    sensitivity: internal
    groups: [support-desk]
    prompt: Ask somebody
  - name: everything.mcp.elicitation
    action: read
    sensitivity: restricted
`
const RULE = `
@id("no-salaries")
forbid (principal, action == Action::"read", resource == Tool::"everything.rows")
when { context.arguments has to && context.arguments.to == "salaries" };
`
const message = (method: string, params: object) =>
  `call: POST /everything/mcp, body: ${JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })}`
const ANSWERED = { name: "Ask somebody", inputResponses: { a: { action: "accept", content: {} } } }

it("with the arguments that their URIs and messages have", async () => {
  const policies = join(directory, "policies")
  const change = async (file: string, edit: (text: string) => string): Promise<void> =>
    writeFile(join(policies, file), edit(await readFile(join(policies, file), "utf8")))
  await change("catalog.yaml", (text) =>
    text.replace("  - name: everything.echo\n", `${ENTRIES}  - name: everything.echo\n`),
  )
  await change("support.cedar", (text) => text + RULE)
  const table = `given:
  user: { subject: alice, groups: [support] }
  agent: spiffe://example.org/agent/support
  purpose: triage-ticket
  gateway: edge
tests:
  - name: everything of a server
    given: { rules_alone: true }
    cases:
      - { call: everything.rows, arguments: { to: orders }, expect: allow }
      - { call: everything.rows, arguments: { to: salaries }, expect: { deny: policy_denied, rules: [no-salaries] } }
      - { call: everything.ask, expect: allow }
      - { ${message("resources/read", { uri: "db://tables/orders" })}, expect: allow }
      - { ${message("resources/read", { uri: "db://tables/salaries" })}, expect: { deny: policy_denied, rules: [no-salaries] } }
      - { ${message("resources/read", { uri: "db://tables/../salaries" })}, expect: malformed_call }
      - { ${message("resources/read", { uri: "db://views/orders" })}, expect: unknown_tool }
      - { ${message("prompts/get", { name: "Ask somebody" })}, expect: allow }
      - { ${message("prompts/get", ANSWERED)}, expect: policy_denied }
      - { ${message("prompts/list", {})}, expect: allow }
`
  // The example's own tables say exactly which tools there are.
  await Promise.all(["support", "agents"].map((name) => rm(join(policies, `${name}.test.yaml`))))
  await writeFile(join(policies, "entries.test.yaml"), table)
  const { code, stdout } = await run(directory, ["test", "policies"])
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining("tests passed") })
}, 60_000)
