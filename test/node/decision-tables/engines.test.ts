/** Both engines at once: they agree on what they should, and a difference is found and told. */
import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { writeManyCases } from "../../../bench/many-cases.ts"
import { passes, runCases, type Suite } from "../../../cli/decision-tables/suite.ts"
import { tellFailure } from "../../../cli/decision-tables/render.ts"
import { withTables } from "../../../cli/decision-tables/read.ts"
import { compileRules, type Engine, type PolicyAnswer } from "../../../src/core/policy/cedar/engine.ts"
import { compiled, EXAMPLE, oracleFor, run, type Example } from "./harness.ts"

let directory: string
let example: Example
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-engines-"))
  example = await compiled()
})
afterAll(() => rm(directory, { recursive: true }))

const TABLE = `given: { user: { subject: alice, groups: [support] }, agent: spiffe://example.org/agent/support }
tests:
  - { name: it, given: { scope: crm.tickets.get:read }, call: crm.tickets.get, expect: allow }
`

const withEngine = ({ bundle }: Example, change: (answer: PolicyAnswer) => PolicyAnswer): Example["bundle"] => {
  const engine: Engine = {
    ...bundle.engine,
    authorize: (request, entities) => change(bundle.engine.authorize(request, entities)),
  }
  return { ...bundle, engine }
}

const failuresOf = ({ outcomes }: Suite, of: Example): string =>
  outcomes
    .filter((outcome) => !passes(outcome))
    .map((outcome) => tellFailure("policies", outcome, of.bundle))
    .join("\n")

it("an engine that names another rule fails a test that is as expected otherwise", () => {
  const bundle = withEngine(example, (answer) => ({ ...answer, determining: answer.determining.slice(1) }))
  expect(failuresOf(run(example, TABLE, bundle), example)).toBe(`policies/0.test.yaml:3:13 failed: it
  engines   differ on User::"http://127.0.0.1:8788|alice" delegate Tool::"crm.tickets.get": \
here allow by none; the official engine says allow by support-staff
  engines   differ on User::"http://127.0.0.1:8788|alice" read Tool::"crm.tickets.get": \
here allow by none; the official engine says allow by support-staff
  engines   differ on Agent::"spiffe://example.org/agent/support" read Tool::"crm.tickets.get": \
here allow by none; the official engine says allow by support-agents
`)
})

it("an engine that decides otherwise, or errs otherwise, is found", () => {
  const denies = withEngine(example, (answer) => ({ ...answer, allowed: false }))
  expect(failuresOf(run(example, TABLE, denies), example)).toContain(
    "here deny by support-staff; the official engine says allow",
  )
  const errs = withEngine(example, (answer) => ({ ...answer, erring: ["support-agents"] }))
  expect(failuresOf(run(example, TABLE, errs), example)).toContain(
    "here allow by support-staff, erring support-agents;",
  )
})

it("they agree on templates, entities of a directory's own, long integers, extension values, and forbids that err", async () => {
  const policies = join(directory, "policies")
  await cp(EXAMPLE, policies, { recursive: true })
  await appendFile(
    join(policies, "support.cedar"),
    `
@id("by-server") permit (principal in ?principal, action == Action::"read", resource in ?resource);
@id("big") forbid (principal, action == Action::"read", resource == Tool::"everything.get-tiny-image")
when { context.arguments has a && context.arguments.a + 9223372036854775807 > 0 };
@id("away") forbid (principal, action == Action::"read", resource == Tool::"everything.echo")
when { context.arguments has to && context.arguments.to == "10.0.0.1" && ip("10.0.0.1").isIpv4() };
@id("fresh") @remedy("step-up:mfa;max_age=60")
forbid (principal, action == Action::"read", resource == Tool::"crm.customers.get")
unless { context has session && context.session has acr && context.session.acr == "mfa" &&
  context.session has auth_age && context.session.auth_age <= 60 };
@id("consented") @remedy("approval:user")
forbid (principal, action == Action::"delegate", resource == Tool::"mail.send")
unless { context.approvals.contains("user") };
@id("night") permit (principal in UserGroup::"all-support", action == Action::"execute", resource)
when { UserGroup::"support" in UserGroup::"all-support" };
`,
  )
  await writeFile(
    join(policies, "links.yaml"),
    `links: [{ id: research-everything, template: by-server, principal: { type: AgentGroup, id: research },
  resource: { type: Server, id: everything } }]\n`,
  )
  await writeFile(
    join(policies, "entities.json"),
    `[{ "uid": { "type": "UserGroup", "id": "support" }, "parents": [{ "type": "UserGroup", "id": "all-support" }] }]`,
  )
  const schema = join(policies, "schema.cedarschema")
  await writeFile(
    schema,
    (await readFile(schema, "utf8")).replace("entity UserGroup;", "entity UserGroup in [UserGroup];"),
  )
  const changed = await compiled(policies)
  const table = `given: { user: { subject: alice, groups: [support] }, agent: spiffe://example.org/agent/researcher, rules_alone: true }
tests:
  - name: it
    cases:
      - [everything.get-sum, { allow: true, rules: [support-staff, research-agents-read, research-everything] }]
      - [everything.get-tiny-image, { a: 1 }, { deny: policy_denied, rules: [big] }]
      - [everything.get-tiny-image, { a: -9007199254740991 }, { deny: policy_denied, rules: [big] }]
      - [everything.echo, { to: "127.0.0.1" }, allow]
      - [everything.echo, { to: "10.0.0.1" }, { deny: policy_denied, rules: [away] }]
      - [everything.trigger-long-running-operation, { deny: policy_denied, principal: spiffe://example.org/agent/researcher }]
`
  const sessions = `
  - name: a session
    given: { agent: spiffe://example.org/agent/support, purpose: answer-customer, rules_alone: false }
    call: crm.customers.get
    cases:
      - { expect: { deny: step_up_required, rules: [fresh], with: { acr_values: mfa, max_age: 60 } } }
      - { given: { user: { acr: mfa, auth_age: 30 } }, expect: allow }
      - { given: { user: { acr: mfa, auth_age: 30 } }, later: 31s, expect: step_up_required }
  - name: consent
    given: { agent: spiffe://example.org/agent/support, purpose: answer-customer, rules_alone: false }
    open: mail.send:write
    cases:
      - { expect: consent_required }
      - { given: { consent: true }, expect: { scope: mail.send:write } }
`
  const suite = run(changed, table + sessions)
  expect(failuresOf(suite, changed)).toBe("")
  expect(suite.unput).toBe(0)
})

it("a question that Cedar's JSON cannot carry is counted, not compared", () => {
  const table = TABLE.replace(
    "crm.tickets.get, expect: allow",
    "mail.send, arguments: { to: { __entity: { type: User, id: a } } }, expect: policy_denied",
  )
    .replace("crm.tickets.get:read", "mail.send:write")
    .replace("agent:", "purpose: answer-customer, agent:")
  const suite = run(example, table)
  expect([failuresOf(suite, example), suite.unput]).toEqual(["", 3])
})

it("of many rules the official engine is asked those that a question may be about, and misses none", async () => {
  const many = join(directory, "many")
  await writeManyCases(many, { rules: 400, tools: 200, cases: 60 })
  const whole = await compiled(many)
  const { cases, problems } = withTables(whole)
  // What the rules of a test are likely slips of is another matter.
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([])
  const suite = runCases(whole.bundle, cases, oracleFor(whole))
  expect([failuresOf(suite, whole), suite.outcomes.length, suite.unput]).toEqual(["", 60, 0])
  // A rule that the Worker's evaluator does not find is one of those that the official engine is asked.
  const [lost] = suite.determining
  const engine = compileRules(whole.body.rules.filter(({ id }) => id !== lost))
  const { outcomes } = runCases({ ...whole.bundle, engine }, cases, oracleFor(whole))
  expect(outcomes.some(({ disagreements }) => disagreements.length > 0)).toBe(true)
})

it("they agree on amounts with decimals, which only the schema declares", async () => {
  const policies = join(directory, "decimals")
  await cp(EXAMPLE, policies, { recursive: true })
  const schema = join(policies, "schema.cedarschema")
  const declared = (await readFile(schema, "utf8")).replace(
    "  to?: String,\n",
    "  to?: String,\n  fee?: decimal,\n  lines?: Set<{ price: decimal, count: Long }>,\n",
  )
  await writeFile(schema, declared)
  await appendFile(
    join(policies, "support.cedar"),
    `
@id("fees") forbid (principal, action == Action::"read", resource == Tool::"everything.get-tiny-image")
unless { context.arguments has fee && context.arguments.fee.greaterThanOrEqual(decimal("0.01")) &&
  context.arguments.fee.lessThanOrEqual(decimal("49.99")) };
@id("free") forbid (principal, action == Action::"read", resource == Tool::"everything.get-tiny-image")
when { context.arguments has lines && context.arguments.lines.contains({ price: decimal("0.0"), count: 1 }) };
`,
  )
  const changed = await compiled(policies)
  const unrepresentable = "{ deny: malformed_call, reason: arguments_unrepresentable }"
  const table = `given: { user: { subject: alice, groups: [support] }, agent: spiffe://example.org/agent/researcher, rules_alone: true }
tests:
  - name: it
    call: everything.get-tiny-image
    cases:
      - [{ fee: 49.99 }, allow]
      - [{ fee: 49.990 }, allow]
      - [{ fee: 49 }, allow]
      - [{ fee: 49.9901 }, { deny: policy_denied, rules: [fees] }]
      - [{ fee: 50 }, { deny: policy_denied, rules: [fees] }]
      - [{ fee: 0.00999 }, ${unrepresentable}]
      - [{ fee: 922337203685478 }, ${unrepresentable}]
      - [{ fee: "49.99" }, allow]
      - [{ fee: "50" }, { deny: policy_denied, rules: [fees] }]
      - [{ fee: "49,99" }, ${unrepresentable}]
      - [{ fee: true }, ${unrepresentable}]
      - [{ fee: 1, lines: [{ price: 2.5, count: 1 }] }, allow]
      - [{ fee: 1, lines: [{ price: 0, count: 1 }] }, { deny: policy_denied, rules: [free] }]
      - [{ fee: 1, lines: [{ price: 1, count: 1.5 }] }, ${unrepresentable}]
      - [{ fee: 1, elsewhere: 1.23456 }, allow]
`
  const suite = run(changed, table)
  expect(failuresOf(suite, changed)).toBe("")
  expect(suite.unput).toBe(0)
  const wrong = run(changed, `${table}      - [{ fee: 49.9901 }, allow]\n`)
  expect(failuresOf(wrong, changed)).toContain('read      arguments.fee = "49.9901"')
})
