/** Tables with one thing wrong, each told at the very place, with a fix. */
import { beforeAll, expect, it } from "vitest"
import { compiled, read, type Example } from "./harness.ts"

let example: Example
beforeAll(async () => {
  example = await compiled()
})

interface Wrong {
  readonly name: string
  /** The whole file. */
  readonly table: string
  /** Text of it, at whose first occurrence the problem is. */
  readonly at: string
  readonly message: RegExp
  readonly fix?: RegExp
}

const GIVEN = "given: { user: { subject: alice, groups: [support] }, agent: spiffe://example.org/agent/support }"
const one = (test: string, given = GIVEN) => `${given}\ntests:\n  - { name: it, ${test} }\n`

const WRONG: readonly Wrong[] = [
  { name: "no tests", table: "tests: []\n", at: "[]", message: /`tests` is too small/ },
  {
    name: "an unknown key",
    table: one("cal: x.y, expect: allow"),
    at: "cal:",
    message: /unknown key `cal`/,
    fix: /`call`/,
  },
  {
    name: "an unknown key of a case",
    table: one("call: crm.tickets.get, cases: [{ argument: {}, expect: allow }]"),
    at: "argument:",
    message: /unknown key `argument`/,
    fix: /Did you mean `arguments`/,
  },
  {
    name: "an unknown key of an expectation in a row",
    table: one("call: crm.tickets.get, cases: [[{ ticket: 4 }, { deny: policy_denied, rule: [a] }]]"),
    at: "rule:",
    message: /unknown key `rule`/,
  },
  {
    name: "no decision",
    table: one("call: crm.tickets.get, expect: alow"),
    at: "alow",
    message: /no decision/,
    fix: /`allow`/,
  },
  {
    name: "no decision in a row",
    table: one("call: crm.tickets.get, cases: [[{}, policy_deny]]"),
    at: "policy_deny",
    message: /no decision/,
    fix: /`policy_denied`/,
  },
  {
    name: "two decisions",
    table: one("call: crm.tickets.get, expect: { allow: true, deny: policy_denied }"),
    at: "{ allow: true",
    message: /not one decision/,
  },
  {
    name: "an allow with a reason",
    table: one("call: crm.tickets.get, expect: { allow: true, reason: policy_forbids }"),
    at: "{ allow: true",
    message: /only a denial/,
  },
  {
    name: "a row of nothing that can be asked",
    table: one("call: crm.tickets.get, cases: [[4, allow]]"),
    at: "[4",
    message: /no row/,
  },
  {
    name: "a row that asks what is no call",
    table: one("call: crm.tickets.get, cases: [[crm tickets, allow]]"),
    at: "crm tickets",
    message: /neither a tool nor a request/,
  },
  {
    name: "a row that asks for what is no scope",
    table: one("open: default, cases: [['crm.tickets.get:raed', allow]]"),
    at: "'crm.tickets.get:raed'",
    message: /not a scope/,
  },
  { name: "nothing asked", table: one("expect: allow"), at: "it,", message: /the test has no query/, fix: /`call`/ },
  {
    name: "two questions",
    table: one("call: crm.tickets.get, open: default, expect: allow"),
    at: "default",
    message: /asks `call` and `open`/,
  },
  { name: "nothing expected", table: one("call: crm.tickets.get"), at: "it,", message: /nothing is expected/ },
  {
    name: "two tests of one name",
    table: `${GIVEN}\ntests:\n  - { name: a, call: crm.tickets.get, expect: allow }\n  - { name: "a", call: crm.tickets.get, expect: allow }\n`,
    at: '"a"',
    message: /line 3 has a test of this name too/,
  },
  {
    name: "no agent",
    table: one("call: crm.tickets.get, expect: allow", "given: {}"),
    at: "it,",
    message: /no agent is named/,
  },
  {
    name: "an agent and a chain",
    table: one(
      "call: crm.tickets.get, expect: allow",
      "given: { agent: spiffe://a.example/a, chain: [spiffe://a.example/b] }",
    ),
    at: "{ agent:",
    message: /says the same in two ways/,
  },
  {
    name: "an agent that is not there",
    table: one("given: { agent: spiffe://example.org/agent/suport }, call: crm.tickets.get, expect: allow"),
    at: "spiffe://example.org/agent/suport",
    message: /there is no agent/,
    fix: /Did you mean `spiffe:\/\/example\.org\/agent\/support`/,
  },
  {
    name: "a purpose that is not there",
    table: one("given: { purpose: triage }, call: crm.tickets.get, expect: allow"),
    at: "triage",
    message: /there is no purpose `triage`/,
  },
  {
    name: "a tool that is not there",
    table: one("call: crm.tickets.got, expect: allow"),
    at: "crm.tickets.got",
    message: /there is no tool `crm\.tickets\.got`/,
    fix: /`crm\.tickets\.get`/,
  },
  {
    name: "a tool before that is not there",
    table: one("after: [{ call: crm.tickets.got }], call: crm.tickets.get, expect: allow"),
    at: "crm.tickets.got",
    message: /there is no tool/,
  },
  {
    name: "an agent before that is not in the chain",
    table: one(
      "after: [{ call: crm.tickets.get, by: spiffe://example.org/agent/vault }], call: crm.tickets.get, expect: allow",
    ),
    at: "spiffe://example.org/agent/vault",
    message: /is not in the chain/,
  },
  {
    name: "a gateway that is not there",
    table: one("given: { gateway: egde }, call: crm.tickets.get, expect: allow"),
    at: "egde",
    message: /there is no gateway/,
    fix: /`edge`/,
  },
  {
    name: "an origin that the gateway does not serve",
    table: one("call: GET https://other.example/crm, expect: allow"),
    at: "GET https",
    message: /`edge` does not serve `https:\/\/other\.example`/,
  },
  {
    name: "a tool that the named gateway does not serve",
    table: one("given: { gateway: web }, call: crm.tickets.get, expect: allow"),
    at: "crm.tickets.get",
    message: /`web` does not serve `crm\.tickets\.get`/,
    fix: /Name a gateway that does: `edge` or `forward`/,
  },
  {
    name: "a number that a URL carries as text",
    table: one("call: crm.tickets.list, arguments: { limit: 10 }, expect: allow"),
    at: "10 }",
    message: /`limit` arrives as "10", because GET has it in the URL/,
    fix: /Write `limit: "10"`, or `integers: \[limit\]` for the route in catalog\.yaml/,
  },
  {
    name: "an argument of a message that has none",
    table: one("call: everything.mcp.ping, arguments: { a: 1 }, expect: allow"),
    at: "1 }",
    message: /a call of `everything\.mcp\.ping` has no argument `a`/,
    fix: /Remove it/,
  },
  {
    name: "arguments of a request",
    table: one("call: GET /crm/tickets, arguments: { a: 1 }, expect: allow"),
    at: "{ a: 1 }",
    message: /a request has its arguments in itself/,
  },
  {
    name: "a body of a tool",
    table: one("call: mail.send, body: { to: a }, expect: allow"),
    at: "{ to: a }",
    message: /a tool has arguments/,
  },
  {
    name: "arguments where a task is opened",
    table: one("open: default, arguments: { a: 1 }, expect: allow"),
    at: "{ a: 1 }",
    message: /`arguments` has no effect where `open` is asked/,
  },
  {
    name: "a task that is opened, and holds everything anyway",
    table: one("given: { rules_alone: true }, open: default, expect: allow"),
    at: "true }, open",
    message: /a task that holds everything/,
  },
  {
    name: "a rule that is not there",
    table: one("call: crm.tickets.get, expect: { deny: policy_denied, rules: [mail-in-the-company] }"),
    at: "mail-in-the-company",
    message: /there is no rule/,
    fix: /`mail-within-the-company`/,
  },
  {
    name: "a reason of another code",
    table: one("call: crm.tickets.get, expect: { deny: policy_denied, reason: task_ended }"),
    at: "task_ended",
    message: /`task_ended` is no reason for `policy_denied`/,
  },
  {
    name: "a code that a call never gets",
    table: one("call: crm.tickets.get, expect: invalid_scope"),
    at: "invalid_scope",
    message: /a call is not denied with `invalid_scope`/,
  },
  {
    name: "a scope of a call",
    table: one("call: crm.tickets.get, expect: { scope: crm.tickets.get:read }"),
    at: "{ scope:",
    message: /a scope is of a task/,
  },
  {
    name: "a principal that is not asked about",
    table: one("call: crm.tickets.get, expect: { deny: policy_denied, principal: spiffe://example.org/agent/vault }"),
    at: "spiffe://example.org/agent/vault",
    message: /is nobody whose permission the call needs/,
  },
  {
    name: "a user without a subject",
    table: one(
      "given: { user: { groups: [] } }, call: crm.tickets.get, expect: allow",
      "given: { user: null, agent: spiffe://example.org/agent/support }",
    ),
    at: "{ groups: [] }",
    message: /the user has no subject/,
  },
  {
    name: "an issuer that is not there",
    table: one("given: { user: { issuer: locl } }, call: crm.tickets.get, expect: allow"),
    at: "{ issuer: locl }",
    message: /no issuer of users is called `locl`/,
    fix: /`local`/,
  },
  {
    name: "an operator who is none",
    table: one("given: { operator: { subject: olga } }, manage: GET tasks, expect: allow"),
    at: "{ subject: olga }",
    message: /`olga` is no operator/,
  },
  {
    name: "an area that is not there",
    table: one("given: { operator: { subject: narrowgate-cli } }, manage: GET task, expect: allow"),
    at: "GET task",
    message: /`task` is no area/,
    fix: /`tasks`/,
  },
  {
    name: "no span of time",
    table: one("later: 90, call: crm.tickets.get, expect: allow"),
    at: "90",
    message: /`tests\[0\]\.later` is a number/,
  },
  { name: "YAML that is none", table: "tests: [\n", at: "", message: /./ },
]

it.each(WRONG)("$name", ({ table, at, message, fix = /./ }) => {
  const { problems } = read(example, table)
  const [problem, ...others] = problems
  expect(others).toEqual([])
  expect(problem?.message).toMatch(message)
  expect(problem?.fix).toMatch(fix)
  if (at === "") return
  const before = table.slice(0, table.indexOf(at)).split("\n")
  expect([problem?.line, problem?.column]).toEqual([before.length, (before.at(-1)?.length ?? 0) + 1])
})

it("what is wrong in the `given` of a file is told once", () => {
  const table = `given: { agent: spiffe://example.org/agent/x }\ntests:
  - { name: a, call: crm.tickets.get, expect: allow }\n  - { name: b, call: crm.tickets.get, expect: allow }\n`
  expect(read(example, table).problems).toHaveLength(1)
})

it("where there is no bundle, only how a table is written is checked", () => {
  const [bad, unknown] = ["tests: 4\n", one("call: no.tool, expect: allow")]
  const { problems } = read({ ...example, body: null }, bad, unknown)
  expect(problems.map(({ file }) => file)).toEqual(["0.test.yaml"])
})
