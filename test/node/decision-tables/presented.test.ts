/** A table's call arrives as the gateway presents it: with the arguments that it shows, and with no others. */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, expect, it } from "vitest"
import { compilePolicies } from "../../../cli/compiler/compile.ts"
import { compiled, EXAMPLE, told } from "./harness.ts"

let policies: string
beforeEach(async () => {
  policies = await mkdtemp(join(tmpdir(), "narrowgate-presented-"))
  await cp(EXAMPLE, policies, { recursive: true })
})
afterEach(() => rm(policies, { recursive: true }))

const change = async (file: string, find: string, replace: string): Promise<void> => {
  const text = await readFile(join(policies, file), "utf8")
  expect(text).toContain(find)
  await writeFile(
    join(policies, file),
    text.replace(find, () => replace),
  )
}
const RULE = `@id("no-eve")
forbid (principal, action == Action::"read", resource == Tool::"desk.search")
when { context.arguments has to && context.arguments.to == "eve" };
`
const table = (tests: string): string =>
  `given: { user: { subject: alice, groups: [support] }, agent: spiffe://example.org/agent/support }\ntests:\n${tests}`

it("a rule about an argument denies every call through the gateway that does not show it", async () => {
  await appendFile(join(policies, "more.cedar"), RULE)
  const stage =
    "{ id: stage, dialect: traefik, body: true, origins: ['http://127.0.0.1:8081'], audience: 'https://api.example', environment: development }"
  await change("gateways.yaml", "  - id: forward\n", `  - ${stage}\n  - id: forward\n`)
  const unknown =
    "{ deny: malformed_call, reason: arguments_unknown, with: { needed: [to], what: 'the gateway passes on the MCP headers, not the body' } }"
  const tests = table(`
  - name: the first that serves it
    call: desk.search
    cases:
      - [{ to: ann }, ${unknown}]
      - [{ to: eve }, ${unknown}]
      - { after: [crm.tickets.get, { call: desk.search, expect: malformed_call }], expect: ${unknown} }
  - name: one that shows it
    given: { gateway: stage }
    call: desk.search
    cases:
      - [{ to: ann }, allow]
      - [{ to: eve }, { deny: policy_denied, rules: [no-eve] }]
      - { after: [crm.tickets.get, everything.echo], expect: allow }
`)
  expect(told(await compiled(policies), tests)).toBe("")
})

it("a message by headers needs what its body may have, as of a real call", async () => {
  await appendFile(
    join(policies, "more.cedar"),
    '@id("no-answers") forbid (principal, action, resource == Tool::"desk.mcp.sampling");\n',
  )
  const tests = table(`
  - { name: its body may have an answer, call: desk.search, expect: { deny: policy_denied, reason: answer_not_permitted } }
  - { name: another is seen to have none, call: everything.echo, expect: allow }
`)
  expect(told(await compiled(policies), tests)).toBe("")
})

it("no table runs on policies of which no gateway shows what a rule reads", async () => {
  await appendFile(join(policies, "more.cedar"), RULE)
  const { body, problems } = await compilePolicies(policies)
  expect(body).toBeNull()
  expect(problems.filter(({ severity }) => severity === "error")).toMatchObject([
    { file: "more.cedar", line: 3, lint: "unseen-argument" },
  ])
})

it("an argument of a path that a table leaves out is in no rule's way", async () => {
  await appendFile(
    join(policies, "more.cedar"),
    '@id("tickets") forbid (principal, action == Action::"read", resource == Tool::"crm.tickets.get") when { context.arguments has ticket && context.arguments.ticket == "7" };\n',
  )
  await change("schema.cedarschema", "  to?: String,\n", "  to?: String,\n  ticket?: String,\n")
  const tests = table(`
  - name: a ticket
    call: crm.tickets.get
    cases:
      - [allow]
      - [{ ticket: "8" }, allow]
      - [{ ticket: "7" }, { deny: policy_denied, rules: [tickets] }]
      - [{ ticket: "7/8" }, { deny: malformed_call, reason: target_ambiguous }]
`)
  expect(told(await compiled(policies), tests)).toBe("")
})
