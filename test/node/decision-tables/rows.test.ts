/** Each kind of row, as it passes and as it fails. */
import { appendFile, cp, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { beforeAll, describe, expect, it } from "vitest"
import { compiled, EXAMPLE, told, type Example } from "./harness.ts"

let example: Example
beforeAll(async () => {
  example = await compiled()
})

const SUPPORT = "spiffe://example.org/agent/support"
const RESEARCHER = "spiffe://example.org/agent/researcher"
const GIVEN = `given:
  user: { subject: alice, groups: [support] }
  agent: ${SUPPORT}
  purpose: answer-customer
tests:
`

interface Row {
  readonly name: string
  /** Of a test, but for its name. */
  readonly asks: string
  readonly passes: string
  readonly fails: string
  /** What is told where it fails. */
  readonly told: RegExp
}

const ROWS: readonly Row[] = [
  {
    name: "a call that is allowed",
    asks: "call: crm.tickets.get",
    passes: "allow",
    fails: "policy_denied",
    told: /expected {2}policy_denied\n {2}got {7}allow by support-agents, support-staff\n/,
  },
  {
    name: "the rules that permit it, exactly",
    asks: "call: crm.tickets.get",
    passes: "{ allow: true, rules: [support-staff, support-agents] }",
    fails: "{ allow: true, rules: [support-staff] }",
    told: /expected {2}allow by support-staff\n {2}got {7}allow by support-agents, support-staff\n/,
  },
  {
    name: "a request",
    asks: "call: GET /crm/tickets/42",
    passes: "allow",
    fails: "unknown_tool",
    told: /got {7}allow/,
  },
  {
    name: "a request with a body",
    asks: "{ call: POST /mail/messages, body: { to: ann@example.org } }",
    passes: "allow",
    fails: "malformed_call",
    told: /read {6}.*arguments.to = "ann@example.org"/,
  },
  {
    name: "a request that the catalog does not know",
    asks: "call: DELETE /crm/tickets/42",
    passes: "{ deny: unknown_tool, with: { called: DELETE /crm/tickets/42 } }",
    fails: "allow",
    told: /got {7}unknown_tool \(tool_unknown\) called: "DELETE \/crm\/tickets\/42"/,
  },
  {
    name: "a call of MCP in its own words",
    asks: "{ call: POST /everything/mcp, body: { jsonrpc: '2.0', id: 1, method: ping } }",
    passes: "insufficient_scope",
    fails: "allow",
    told: /got {7}insufficient_scope \(tool_not_granted\)/,
  },
  {
    name: "a call of MCP through a gateway that forwards no body",
    asks: `{ given: { gateway: web }, call: POST /desk/mcp,
             headers: { mcp-method: tools/call, mcp-name: search, mcp-protocol-version: "2026-07-28" } }`,
    passes: "allow",
    fails: "{ deny: malformed_call, reason: mcp_headers_untrusted }",
    told: /expected {2}malformed_call \(mcp_headers_untrusted\)\n {2}got {7}allow/,
  },
  {
    name: "a rule with the arguments that it read",
    asks: "{ call: mail.send, arguments: { to: eve@evil.example } }",
    passes:
      "{ deny: policy_denied, rules: [mail-within-the-company], principal: user, with: { message: Mail goes to one address at example.org. } }",
    fails: "{ deny: policy_denied, principal: spiffe://example.org/agent/support }",
    told: /by mail-within-the-company for User::"http:\/\/127\.0\.0\.1:8788\|alice" message: "Mail goes to one address at example\.org\."\n {2}read {6}arguments\.to = "eve@evil\.example"\n/,
  },
  {
    name: "the facts of the rule that was expected",
    asks: "{ call: mail.send, arguments: { to: ann@example.org } }",
    passes: "allow",
    fails: "{ deny: policy_denied, rules: [no-external-after-confidential] }",
    told: /read {6}task\.labels = \[\]\n/,
  },
  {
    name: "arguments that nobody saw",
    asks: "{ call: mail.send, arguments: unseen }",
    passes: "{ deny: malformed_call, reason: arguments_unknown, with: { needed: [to] } }",
    fails: "{ deny: malformed_call, with: { needed: [from] } }",
    told: /expected {2}malformed_call needed: \["from"\]\n {2}got {7}malformed_call \(arguments_unknown\) needed: \["to"\]/,
  },
  {
    name: "what the task did before",
    asks: "{ after: [crm.customers.get], call: mail.send, arguments: { to: ann@example.org } }",
    passes: "{ deny: policy_denied, rules: [no-external-after-confidential] }",
    fails: "allow",
    told: /read {6}task\.labels = \["reads:confidential"\]\n/,
  },
  {
    name: "what the task above it did",
    asks: `
      given:
        chain: [${SUPPORT}, { agent: ${RESEARCHER}, purpose: triage-ticket, scope: desk.search:read }]
        scope: [crm.customers.get:read, desk.search:read]
      after: [{ call: crm.customers.get, by: ${SUPPORT} }]
      call: desk.search`,
    passes: "{ allow: true, rules: [support-staff, support-agents, research-agents-read] }",
    fails: "insufficient_scope",
    told: /got {7}allow by research-agents-read, support-agents, support-staff/,
  },
  {
    name: "labels of other work",
    asks: "{ given: { labels: [reads:confidential] }, call: desk.send-mail }",
    passes: "policy_denied",
    fails: "allow",
    told: /policy_denied \(policy_forbids\)/,
  },
  {
    name: "calls of other work",
    asks: "{ given: { calls: 49 }, after: [crm.tickets.get], call: crm.tickets.get }",
    passes: "{ deny: budget_exhausted, reason: calls_exhausted }",
    fails: "allow",
    told: /budget_exhausted \(calls_exhausted\)/,
  },
  {
    name: "a window, full",
    asks: "{ given: { purpose: triage-ticket }, after: [{ call: everything.echo, times: 3 }], call: everything.echo }",
    passes: "{ deny: rate_limited, with: { window: echo-burst } }",
    fails: "allow",
    told: /rate_limited \(window_full\) window: "echo-burst"/,
  },
  {
    name: "time that passes, and tokens that are renewed meanwhile",
    asks: "{ later: 29m, call: crm.tickets.get }",
    passes: "allow",
    fails: "invalid_token",
    told: /got {7}allow/,
  },
  {
    name: "a task that has ended in its time",
    asks: "{ later: 30m, call: crm.tickets.get }",
    passes: "{ deny: invalid_token, reason: task_ended, with: { state: expired } }",
    fails: "allow",
    told: /invalid_token \(task_ended\)/,
  },
  {
    name: "a key of the agent's own",
    asks: "{ given: { agent: spiffe://example.org/agent/vault, bound_key: true }, call: crm.tickets.get }",
    passes: "allow",
    fails: "policy_denied",
    told: /got {7}allow/,
  },
  {
    name: "a scope that is asked for",
    asks: "open: [crm.tickets.*:read, mail.send:write]",
    passes: "{ scope: [mail.send:write, crm.tickets.*:read] }",
    fails: "{ scope: crm.tickets.*:read }",
    told: /expected {2}allow of crm\.tickets\.\*:read\n {2}got {7}allow of crm\.tickets\.\*:read, mail\.send:write\n/,
  },
  {
    name: "what is given where nothing is asked for",
    asks: "{ given: { purpose: nightly-report, user: null, agent: spiffe://example.org/agent/nightly }, open: default }",
    passes: "{ scope: crm.tickets.list:read }",
    fails: "{ deny: invalid_scope }",
    told: /expected {2}invalid_scope\n {2}got {7}allow of crm\.tickets\.list:read\n/,
  },
  {
    name: "a task that is refused",
    asks: "{ given: { user: { groups: [] } }, open: crm.*:read }",
    passes: "{ deny: invalid_scope, reason: nothing_left }",
    fails: "allow",
    told: /invalid_scope \(nothing_left\) asked: \["crm\.\*:read"\]/,
  },
  {
    name: "details with bounds",
    asks: `
      given:
        details: [{ tools: [crm.tickets.get], actions: [read], arguments: { ticket: { eq: "42" } } }]
      call: GET /crm/tickets/43`,
    passes: "{ deny: insufficient_scope, reason: argument_out_of_bounds, with: { argument: ticket } }",
    fails: "allow",
    told: /insufficient_scope \(argument_out_of_bounds\)/,
  },
  {
    name: "a tool that only the rules can refuse",
    asks: "{ given: { rules_alone: true }, call: everything.get-env }",
    passes: "{ deny: policy_denied, rules: [no-environment-variables] }",
    fails: "insufficient_scope",
    told: /policy_denied \(policy_forbids\) by no-environment-variables/,
  },
  {
    name: "a chain whose grants do not count",
    asks: `
      given: { chain: [${SUPPORT}, ${RESEARCHER}], purpose: triage-ticket, rules_alone: true }
      call: crm.customers.get`,
    passes: `{ deny: policy_denied, reason: policy_permits_nothing, principal: ${RESEARCHER} }`,
    fails: "insufficient_scope",
    told: /policy_denied \(policy_permits_nothing\) for Agent::"spiffe:\/\/example\.org\/agent\/researcher"/,
  },
  {
    name: "an operator",
    asks: "{ given: { operator: { subject: narrowgate-cli } }, manage: POST revocations agent spiffe://x.example/y }",
    passes: "{ allow: true, rules: [operators-manage] }",
    fails: "policy_denied",
    told: /got {7}allow by operators-manage/,
  },
  {
    name: "an operator who may not",
    asks: "{ given: { operator: { subject: vera, roles: [viewer] } }, manage: POST tasks }",
    passes: "{ deny: policy_denied, principal: operator }",
    fails: "allow",
    told: /policy_denied \(policy_permits_nothing\) by none|policy_denied \(policy_permits_nothing\) for Operator/,
  },
]

it("a risk is that of every call, however much time has passed", async () => {
  const policies = await mkdtemp(join(tmpdir(), "narrowgate-risk-"))
  await cp(EXAMPLE, policies, { recursive: true })
  const rule = `\n@id("at-risk") forbid (principal, action == Action::"read", resource == Tool::"crm.tickets.get") when { context.risk >= 50 };\n`
  await appendFile(join(policies, "limits.cedar"), rule)
  const risky = await compiled(policies)
  await rm(policies, { recursive: true })
  const at = (risk: string, more: string, expect: string) =>
    told(risky, `${GIVEN}  - { name: it, given: { risk: ${risk} }, ${more}call: crm.tickets.get, expect: ${expect} }\n`)
  const denied = "{ deny: policy_denied, rules: [at-risk] }"
  expect(at("50", "later: 20m, ", denied)).toBe("")
  expect(at("49", "after: [crm.tickets.get], ", "allow")).toBe("")
  expect(at("50", "", "allow")).toMatch(/read {6}risk = 50/)
  expect(at("50", "after: [crm.tickets.get], ", denied)).toMatch(/call 1 of `after` was denied: policy_denied/)
  for (const wrong of ["101", "-1", "0.5", "high"]) expect(() => at(wrong, "", "allow")).toThrow()
})

it("an approval is of each call, of whatever asks by its name", async () => {
  const policies = await mkdtemp(join(tmpdir(), "narrowgate-approvals-"))
  await cp(EXAMPLE, policies, { recursive: true })
  await appendFile(
    join(policies, "limits.cedar"),
    `\n@id("asks") @remedy("approval:finance") forbid (principal, action == Action::"read", resource == Tool::"crm.tickets.get")
unless { context.approvals.contains("finance") };\n`,
  )
  await appendFile(
    join(policies, "approvers.yaml"),
    "\n  - { name: finance, approvers: [{ issuer: local, group: finance }] }\n",
  )
  await writeFile(
    join(policies, "guardrails.yaml"),
    "windows: [{ id: one, tools: [crm.tickets.get], per: task, limit: 1, within: 1m, then: approve, approval: finance }]\n",
  )
  const asking = await compiled(policies)
  await rm(policies, { recursive: true })
  const it = (more: string, expect: string) => told(asking, `${GIVEN}  - { name: it, ${more}expect: ${expect} }\n`)
  const denied = "{ deny: approval_required, rules: [asks], with: { name: finance } }"
  expect(it("call: crm.tickets.get, ", denied)).toBe("")
  expect(it("call: crm.tickets.get, ", "allow")).toMatch(/approval_required .*by asks/)
  expect(it("given: { approvals: [finance] }, call: crm.tickets.get, ", "allow")).toBe("")
  expect(it("given: { approvals: [finance] }, after: [crm.tickets.get], call: crm.tickets.get, ", "allow")).toBe("")
  expect(() => it("given: { approvals: [finanze] }, call: crm.tickets.get, ", "allow")).toThrow(/finance/)
})

describe("a question that is never asked", () => {
  const never = (asks: string) => told(example, `${GIVEN}  - { name: it, ${asks} }\n`)

  it("fails where a call before it is denied, and says which", () => {
    const steps =
      "after: [crm.tickets.get, { call: mail.send, arguments: { to: ann@example.org }, times: 2 }, desk.mcp.ping]"
    expect(never(`given: { calls: 48 }, ${steps}, call: mail.send, expect: budget_exhausted`)).toMatch(
      /expected {2}budget_exhausted\n {2}got {7}call 2, the time 2, of `after` was denied: budget_exhausted \(calls_exhausted\)/,
    )
  })

  it("fails where no task is opened, whatever is expected", () => {
    expect(never("given: { user: null }, call: crm.tickets.get, expect: invalid_token")).toMatch(
      /got {7}no task was opened for spiffe:\/\/example\.org\/agent\/support: unauthorized_client \(user_required\)/,
    )
  })
})

describe("what a case says", () => {
  it("holds over what its test says, and that over what the file says", () => {
    const table = `${GIVEN}
  - name: it
    given: { user: { groups: [] } }
    open: crm.tickets.*:read
    expect: invalid_scope
    cases:
      - {}
      - { given: { user: { groups: [support] } }, expect: allow }
      - { given: { user: null, agent: spiffe://example.org/agent/nightly, purpose: nightly-report }, open: default, expect: allow }
      - [crm.customers.get:read, invalid_scope]
      - { given: { details: [{ tools: ["*"], actions: [read] }] }, open: given, expect: invalid_scope }
`
    expect(told(example, table)).toBe("")
  })
})

function tableOf({ asks }: Row, expectation: string): string {
  const inMap = asks.startsWith("{")
  const body = inMap ? asks.replace(/\}$/u, `, name: it, expect: ${expectation} }`) : ""
  if (inMap) return `${GIVEN}  - ${body}\n`
  return `${GIVEN}  - name: it\n    ${asks.trim().replaceAll(/\n {6}/gu, "\n    ")}\n    expect: ${expectation}\n`
}

describe("a row", () => {
  it.each(ROWS)("passes: $name", (row) => {
    expect(told(example, tableOf(row, row.passes))).toBe("")
  })

  it.each(ROWS)("fails: $name", (row) => {
    const text = told(example, tableOf(row, row.fails))
    expect(text).toMatch(/^policies\/0\.test\.yaml:\d+:\d+ failed: it\n/)
    expect(text).toMatch(row.told)
  })
})
