/**
 * The example, changed so that one lint has something to say of it: what, and where; and the same with a small change,
 * of which nothing is to be said. `at` is text of the file that the warning names, at whose first occurrence it stands.
 */
import type { useOf } from "../../../../cli/compiler/lints/use.ts"

export interface Edit {
  readonly file: string
  /** Text that is replaced; absent: `replace` becomes the whole file. */
  readonly find?: string
  readonly replace: string
}

export interface LintCase {
  readonly name: string
  readonly lint: string
  readonly edits: readonly Edit[]
  /** Decision records that are looked at. */
  readonly records?: Parameters<typeof useOf>[0]
  readonly file: string
  readonly at: string
  readonly message: string
  readonly fix: string
  /** In `edits`: what makes it fine. */
  readonly but: { readonly find: string; readonly replace: string }
}

const FILE = "more.cedar"
const rules = (replace: string): Edit => ({ file: FILE, replace })
const PERMIT = '@id("x") permit (principal is User, action == Action::"read", resource)'
const FORBID = '@id("x") forbid (principal is User, action == Action::"read", resource)'

const DEAD: readonly LintCase[] = [
  {
    name: "an action that the tool does not have",
    lint: "dead-rule",
    edits: [rules('@id("x") permit (principal, action == Action::"write", resource == Tool::"crm.tickets.list");')],
    file: FILE,
    at: 'action == Action::"write"',
    message: "`crm.tickets.list` has action `read`, so the rule never applies",
    fix: 'Write `action == Action::"read"`, or remove the rule.',
    but: { find: '"write"', replace: '"read"' },
  },
  {
    name: "an action that no tool of a group has",
    lint: "dead-rule",
    edits: [rules('@id("x") permit (principal, action == Action::"write", resource in ToolGroup::"mcp-lifecycle");')],
    file: FILE,
    at: 'action == Action::"write"',
    message: "all 54 tools of this scope have action `read`, so the rule never applies",
    fix: 'Write `action == Action::"read"`, or remove the rule.',
    but: { find: "mcp-lifecycle", replace: "support-desk" },
  },
  {
    name: "an action that is never asked about",
    lint: "dead-rule",
    edits: [
      {
        file: "schema.cedarschema",
        find: "// One call.",
        replace:
          "action look, peep appliesTo { principal: [Agent, User], resource: Tool };\naction calls;\n// One call.",
      },
      rules('@id("x") forbid (principal, action == Action::"look", resource == Tool::"mail.send");'),
    ],
    file: FILE,
    at: 'action == Action::"look"',
    message: "Narrowgate evaluates none of these actions, so the rule never applies",
    fix: "Name `read`, `write`, `execute`, `delegate` or `manage`, or a group of them, or remove the rule.",
    but: { find: '== Action::"look"', replace: 'in [Action::"look", Action::"delegate"]' },
  },
  {
    name: "an action that no query client asks about",
    lint: "dead-rule",
    edits: [
      {
        file: "schema.cedarschema",
        find: "// One call.",
        replace:
          "namespace Wiki { entity Page; action view appliesTo { principal: [Agent], resource: Page }; }\n// One call.",
      },
      rules('@id("x") permit (principal is Agent, action == Wiki::Action::"view", resource is Wiki::Page);'),
      { file: "gateways.yaml", find: "gateways:\n", replace: "queries: [{ id: adviser }]\ngateways:\n" },
    ],
    file: FILE,
    at: 'action == Wiki::Action::"view"',
    message: "Narrowgate evaluates none of these actions, so the rule never applies",
    fix: "Name `read`, `write`, `execute`, `delegate` or `manage`, or a group of them, or remove the rule.",
    but: { find: "id: adviser", replace: "id: adviser, action_type: 'Wiki::Action'" },
  },
  {
    name: "a role that no operator has",
    lint: "dead-rule",
    edits: [
      {
        file: "operators.yaml",
        replace: "operators:\n  - { issuer: local, subject: olivia, roles: [approver, operator] }\n",
      },
    ],
    file: "operators.cedar",
    at: 'principal in OperatorGroup::"viewer"',
    message: "no principal of this action is within this scope, so the rule never applies",
    fix: "Register one that is, widen the scope, or remove the rule.",
    but: { find: "[approver, operator]", replace: "[viewer, approver, operator]" },
  },
  {
    name: "a class of tools that a permit is about, and that is not there",
    lint: "dead-rule",
    edits: [rules('@id("x") permit (principal is User, action == Action::"execute", resource in Server::"crm");')],
    file: FILE,
    at: 'action == Action::"execute"',
    message: "all 4 tools of this scope have action `read` or `write`, so the rule never applies",
    fix: 'Write `action == Action::"read"`, or remove the rule.',
    // A forbid over whatever there is holds for tools that are yet to come.
    but: {
      find: 'permit (principal is User, action == Action::"execute", resource in Server::"crm")',
      replace: 'forbid (principal is User, action == Action::"execute", resource is Tool)',
    },
  },
]

const holds = (
  name: string,
  [condition, message, fix, at]: readonly [condition: string, message: string, fix: string, at: string],
  but: LintCase["but"],
  rule = PERMIT,
): LintCase => ({
  ...{ name, lint: "never-holds", edits: [rules(`${rule}\n${condition};`)], file: FILE, at, message, fix, but },
})

const CORRECT = "Correct it, or remove the rule."
const JOIN = "Correct one of them, or join them by `||`."
const NEVER: readonly LintCase[] = [
  holds(
    "two purposes at once",
    [
      'when { context.task.purpose == "triage-ticket" && context.task.purpose == "answer-customer" }',
      '`context.task.purpose == "triage-ticket"` and `context.task.purpose == "answer-customer"` are never so at once, so the rule never holds',
      JOIN,
      'context.task.purpose == "answer-customer"',
    ],
    { find: "&&", replace: "||" },
  ),
  holds(
    "a number that is more and less",
    [
      "when { context.task.calls > 5 } unless { context.task.calls >= 3 || context.bound_key }",
      "`context.task.calls > 5` and unless `context.task.calls >= 3` are never so at once, so the rule never holds",
      JOIN,
      "context.task.calls >= 3",
    ],
    { find: ">= 3", replace: ">= 7" },
  ),
  holds(
    "a count below zero",
    [
      "when { context.task.depth < 0 }",
      "this can never be so, so the rule never holds",
      CORRECT,
      "context.task.depth < 0",
    ],
    { find: "< 0", replace: "< 1" },
  ),
  holds(
    "numbers that are written out",
    ["when { (context.bound_key && 1 > 2) }", "this can never be so, so the rule never holds", CORRECT, "1 > 2"],
    { find: "1 > 2", replace: "1 < 2" },
  ),
  holds(
    "the same, wanted and not",
    [
      'when { context.task.labels.contains("sink:external") } unless { context.task.labels.contains("sink:external") }',
      '`context.task.labels.contains("sink:external")` and unless `context.task.labels.contains("sink:external")` are never so at once, so the rule never holds',
      JOIN,
      'context.task.labels.contains("sink:external") };',
    ],
    {
      find: 'unless { context.task.labels.contains("sink:external")',
      replace: 'unless { context.task.labels.contains("reads:confidential")',
    },
  ),
  holds(
    "a purpose that there is not",
    [
      'when { context.task.purpose == "triage-tickets" }',
      '"triage-tickets" is no purpose, so the rule never holds',
      'Did you mean `"triage-ticket"`?',
      "context.task.purpose",
    ],
    { find: "triage-tickets", replace: "triage-ticket" },
  ),
  holds(
    "a purpose to delegate for that there is not",
    [
      'when { context.purpose == "zzz" }',
      '"zzz" is no purpose, so the rule never holds',
      "Correct the name, or remove the rule.",
      "context.purpose",
    ],
    { find: "zzz", replace: "triage-ticket" },
    PERMIT.replace("read", "delegate"),
  ),
  holds(
    "a label that no tool has",
    [
      'when { context.task.labels.contains("reads:confidental") }',
      '"reads:confidental" is no label of a tool, so the rule never holds',
      'Did you mean `"reads:confidential"`?',
      "context.task.labels",
    ],
    { find: "confidental", replace: "confidential" },
  ),
  holds(
    "an environment that no gateway is in",
    [
      'when { context.env.environment == "production" }',
      '"production" is no environment of a gateway, so the rule never holds',
      "Correct the name, or remove the rule.",
      "context.env.environment",
    ],
    { find: "production", replace: "development" },
  ),
  holds(
    "a gateway that there is not",
    [
      'when { context.env.gateway == "edgy" }',
      '"edgy" is no gateway, so the rule never holds',
      'Did you mean `"edge"`?',
      "context.env.gateway",
    ],
    { find: "edgy", replace: "edge" },
  ),
  holds(
    "what no tool is",
    [
      'when { resource.sensitivity == "secret" && context.task.calls < 5 }',
      "this is true of nothing that the rule is about, so it never holds",
      "Correct it, widen the rule's scope, or remove the rule.",
      'resource.sensitivity == "secret"',
    ],
    { find: "secret", replace: "public" },
  ),
  holds(
    "a forbid that cannot err either",
    [
      'when { context.arguments has to && context.arguments.to == "a" && context.arguments.to == "b" }',
      '`context.arguments.to == "a"` and `context.arguments.to == "b"` are never so at once, so the rule never holds',
      JOIN,
      'context.arguments.to == "b"',
    ],
    // One that errs denies: an argument that is no number would.
    {
      find: 'context.arguments has to && context.arguments.to == "a" && context.arguments.to == "b"',
      replace: "context.arguments has a && context.arguments.a > 5 && context.arguments.a < 3",
    },
    FORBID.replace("resource", 'resource == Tool::"everything.get-sum"'),
  ),
]

const SHADOWS: readonly LintCase[] = [
  {
    name: "the same rule twice",
    lint: "duplicate-rule",
    edits: [
      rules(
        '@id("x")\npermit (\n  principal in AgentGroup::"support",\n  action in [Action::"write", Action::"delegate", Action::"read"],\n  resource in ToolGroup::"support-desk"\n);',
      ),
    ],
    file: "support.cedar",
    at: 'permit (\n  principal in AgentGroup::"support"',
    message: 'rule "x" at more.cedar:2 says the same',
    fix: "Remove one of them.",
    but: { find: 'Action::"write"', replace: 'Action::"execute"' },
  },
  {
    name: "a permit within another",
    lint: "covered-rule",
    edits: [
      rules(
        '@id("x") permit (principal in UserGroup::"support", action == Action::"read", resource in ToolGroup::"support-desk") when { context.bound_key };',
      ),
    ],
    file: FILE,
    at: "permit",
    message: 'rule "support-staff" at support.cedar:12 permits all that this one does',
    fix: "Remove it, or narrow the other.",
    but: { find: 'UserGroup::"support"', replace: 'UserGroup::"sales"' },
  },
  {
    name: "a permit within one with fewer conditions, over an agent of its group",
    lint: "covered-rule",
    edits: [
      rules(
        '@id("x") permit (principal == Agent::"spiffe://example.org/agent/researcher", action == Action::"read", resource in ToolGroup::"support-desk") when { context.bound_key && resource.sensitivity_level <= 1 };',
      ),
    ],
    file: FILE,
    at: "permit",
    message: 'rule "research-agents-read" at support.cedar:26 permits all that this one does',
    fix: "Remove it, or narrow the other.",
    but: { find: "<= 1", replace: "<= 2" },
  },
  {
    name: "a forbid within another",
    lint: "covered-rule",
    edits: [
      rules(
        '@id("x") forbid (principal is User, action == Action::"read", resource == Tool::"everything.get-env") when { context.bound_key };',
      ),
    ],
    file: FILE,
    at: "forbid",
    message: 'rule "no-environment-variables" at limits.cedar:4 forbids all that this one does',
    fix: "Remove it, or narrow the other.",
    but: { find: "get-env", replace: "echo" },
  },
  {
    name: "a permit that a forbid leaves nothing of",
    lint: "defeated-permit",
    edits: [
      rules('@id("x") permit (principal is User, action == Action::"read", resource == Tool::"everything.get-env");'),
    ],
    file: FILE,
    at: "permit",
    message: 'rule "no-environment-variables" at limits.cedar:4 forbids all that this one permits',
    fix: "Remove this rule, or narrow the forbid.",
    but: { find: "everything.get-env", replace: "desk.search" },
  },
  {
    name: "a permit of which each tool is forbidden by itself",
    lint: "defeated-permit",
    edits: [
      rules(
        '@id("x") permit (principal is User, action == Action::"execute", resource in Server::"everything");\n' +
          '@id("a") forbid (principal, action, resource == Tool::"everything.gzip-file-as-resource");\n' +
          '@id("c") forbid (principal, action, resource == Tool::"everything.mcp.tasks-update");\n' +
          '@id("b") forbid (principal, action, resource == Tool::"everything.trigger-long-running-operation");',
      ),
    ],
    file: FILE,
    at: "permit",
    message: 'rule "b" at more.cedar:4 forbids all that this one permits',
    fix: "Remove this rule, or narrow the forbid.",
    but: { find: '@id("b") forbid (principal', replace: '@id("b") forbid (principal is User' },
  },
  {
    name: "a permit over everything",
    lint: "unbounded-permit",
    edits: [rules('@id("x") permit (principal, action in [Action::"read", Action::"write"], resource);')],
    file: FILE,
    at: "permit",
    message: "every principal may write whatever there is, now and later",
    fix: "Name a principal, a resource or a condition.",
    but: { find: ', Action::"write"', replace: "" },
  },
]

const LISTED = "  - name: crm.tickets.list\n"
const toolOf = (name: string, more: string) =>
  `  - { name: ${name}, ${more}, route: { origin: "http://127.0.0.1:8080", methods: [GET], path: /${name} } }\n${LISTED}`
const SUM =
  '  - name: everything.get-sum\n    pinned: "f54fcce8a916c7ff945f2c6ddde29f82ac4e2d74ac30fbb6ed6ae51c04dea80a"\n    action: read\n    sensitivity: public\n'

const ANNOTATIONS: readonly LintCase[] = [
  {
    name: "a message that no agent would read",
    lint: "unknown-annotation",
    edits: [
      rules(
        `@mesage("Ask the desk.") ${FORBID.replace("resource", 'resource == Tool::"mail.send"')};`.replace(
          "read",
          "write",
        ),
      ),
    ],
    file: FILE,
    at: "forbid",
    message: "nothing reads `@mesage`",
    fix: "Did you mean `@message`?",
    but: { find: "@mesage", replace: "@message" },
  },
]

const TOOLS: readonly LintCase[] = [
  {
    name: "a tool of which no rule speaks",
    lint: "unpermitted-tool",
    edits: [{ file: "catalog.yaml", find: LISTED, replace: toolOf("crm.notes", "action: read, sensitivity: public") }],
    file: "catalog.yaml",
    at: "crm.notes",
    message: "no rule permits any principal to read `crm.notes`, so every call of it is denied",
    fix: "Add a `permit` for it with the action `read`, or remove it from the catalog.",
    but: { find: "public", replace: "public, groups: [support-desk]" },
  },
  {
    name: "a tool that only a permit with conditions could mean, which it does not meet",
    lint: "unpermitted-tool",
    edits: [
      {
        file: "support.cedar",
        find: '  principal in UserGroup::"support",\n  action in [Action::"read", Action::"write", Action::"delegate"],\n  resource in ToolGroup::"support-desk"\n)',
        replace:
          '  principal in UserGroup::"support",\n  action == Action::"read",\n  resource\n)\nwhen { resource.sensitivity_level < 3 }',
      },
      { file: "catalog.yaml", find: LISTED, replace: toolOf("crm.notes", "action: read, sensitivity: restricted") },
    ],
    file: "catalog.yaml",
    at: "crm.notes",
    message: "no rule permits any principal to read `crm.notes`, so every call of it is denied",
    fix: "Add a `permit` for it with the action `read`, or remove it from the catalog.",
    but: { find: "restricted", replace: "restricted, groups: [support-desk]" },
  },
  {
    name: "a tool that no task can have",
    lint: "unpermitted-tool",
    edits: [
      {
        file: "catalog.yaml",
        find: LISTED,
        replace: toolOf("crm.notes", "action: read, sensitivity: public, groups: [notes]"),
      },
      rules('@id("x") permit (principal is User, action == Action::"read", resource in ToolGroup::"notes");'),
    ],
    file: "catalog.yaml",
    at: "crm.notes",
    message: "no rule permits any principal to delegate `crm.notes`, so no task ever has it",
    fix: "Add a `permit` for it with the action `delegate`, or remove it from the catalog.",
    but: { find: '== Action::"read"', replace: 'in [Action::"read", Action::"delegate"]' },
  },
  {
    name: "a server with which no session can be opened",
    lint: "unpermitted-tool",
    edits: [
      {
        file: "support.cedar",
        find: 'resource in ToolGroup::"mcp-lifecycle"\n)',
        replace:
          'resource in ToolGroup::"mcp-lifecycle"\n) when { resource in [Tool::"everything.mcp.ping", Tool::"billing.mcp.ping"] }',
      },
    ],
    file: "catalog.yaml",
    at: "desk\n    origin",
    message: "no rule permits the lifecycle tools of `desk`, so no client can open a session with it",
    fix: 'Add a rule: `@id("open-sessions") permit (principal, action in [Action::"read", Action::"delegate"], resource in ToolGroup::"mcp-lifecycle");`',
    but: { find: "resource in [Tool", replace: 'resource in [Tool::"desk.mcp.ping", Tool' },
  },
  {
    name: "an argument of a restricted tool in every record",
    lint: "recorded-argument",
    edits: [
      {
        file: "catalog.yaml",
        find: SUM,
        replace: SUM.replace("sensitivity: public", "sensitivity: restricted\n    redact: [b]"),
      },
      rules(
        `${FORBID.replace("resource", 'resource == Tool::"everything.get-sum"')}\nwhen { context.arguments has a && context.arguments.a > 5 && context.arguments has b };`,
      ),
    ],
    file: "catalog.yaml",
    at: "restricted\n    redact: [b]",
    message: "`everything.get-sum` is restricted, and records contain what its rules read: `a`",
    fix: "Write `redact: [b, a]`.",
    but: { find: "redact: [b]", replace: "redact: [b, a]" },
  },
]

const NIGHTLY =
  "      tools: [crm.tickets.list:read]\n      max_sensitivity: internal\n    purposes: [nightly-report]\n"
const GRANT =
  "      tools: [crm.tickets.list:read]\n      max_sensitivity: internal\n      environments: [development]\n      calls: 10\n    life: 600\n"
const agents = (find: string, replace: string): Edit => ({ file: "agents.yaml", find, replace })
const windows = (text: string): Edit => ({ file: "guardrails.yaml", find: "windows:\n", replace: `windows:\n${text}` })

const sequence = (text: string): Edit => ({
  file: "guardrails.yaml",
  find: "windows:\n",
  replace: `sequences:\n  - { id: order, ${text}\nwindows:\n`,
})

const budget = (text: string): Edit => ({
  file: "guardrails.yaml",
  find: "windows:\n",
  replace: `budgets:\n  - { id: much, ${text} }\nwindows:\n`,
})

const loop = (text: string): Edit => ({
  file: "guardrails.yaml",
  find: "windows:\n",
  replace: `loops:\n  - { id: again, ${text} }\nwindows:\n`,
})

/** A registration after the example's last agent. */
const registration = (groups: string): Edit =>
  agents(
    '    client: { redirect_uris: ["http://127.0.0.1/callback"], authentication: none }\n',
    `    client: { redirect_uris: ["http://127.0.0.1/callback"], authentication: none }

registration:
  class: mcp
  owner: support-team
  groups: [${groups}]
  ceiling: { tools: [crm.tickets.*:read], max_sensitivity: internal }
  purposes: [triage-ticket]
`,
  )

const AGENTS: readonly LintCase[] = [
  {
    name: "an agent of a group of which no rule speaks",
    lint: "unpermitted-agent",
    edits: [agents("owner: security-team\n    groups: [support]", "owner: security-team\n    groups: [keepers]")],
    file: "agents.yaml",
    at: "spiffe://example.org/agent/vault",
    message: "no rule permits the agent any tool that it may have, so all of its calls are denied",
    fix: 'Add a `permit` for `principal in AgentGroup::"keepers"`, with the tools that it is for.',
    but: { find: "[keepers]", replace: "[support]" },
  },
  {
    name: "clients that register themselves, of which no rule speaks",
    lint: "unpermitted-agent",
    edits: [registration("")],
    file: "agents.yaml",
    at: "mcp\n  owner",
    message: "no rule permits a client of the class any tool that it may have, so all of its calls are denied",
    fix: "Put it into one of `groups` that a `permit` is about.",
    but: { find: "groups: []", replace: "groups: [support]" },
  },
  {
    name: "a purpose of nobody",
    lint: "unused-purpose",
    edits: [agents("    purposes: [nightly-report]\n", "    purposes: [triage-ticket]\n")],
    file: "agents.yaml",
    at: "nightly-report",
    message: "no agent has the purpose `nightly-report`",
    fix: "Give it to an agent, or remove it.",
    but: { find: "[triage-ticket]", replace: "[nightly-report]" },
  },
  {
    name: "a task that would outlive every session",
    lint: "short-session",
    edits: [{ file: "issuers.yaml", find: "    users:\n", replace: "    max_life: 3599\n    users:\n" }],
    file: "agents.yaml",
    at: "3600",
    message:
      "a task of `triage-ticket` may live for 3600 seconds, and sessions of `local` last 3599 seconds at most (`max_life`): it ends with the session",
    fix: "Write `life: 3599`, or less, or `session: { refresh: true }`, or `offline: true`.",
    but: { find: "3599", replace: "3600" },
  },
  {
    name: "an approval that would outlive every session that an issuer asserts",
    lint: "short-session",
    edits: [
      {
        file: "issuers.yaml",
        find: "  - id: workloads\n",
        replace:
          "  - id: asserting\n    issuer: https://id.example\n    keys: { discovery: true }\n    algorithms: [ES256]\n    assertions: { life: 5400 }\n  - id: workloads\n",
      },
      { file: "approvers.yaml", find: "life: 15m", replace: "life: 2h" },
    ],
    file: "approvers.yaml",
    at: "2h",
    message:
      "the approval `refunds` may count for 7200 seconds, and sessions of `asserting` last 5400 seconds at most (`assertions.life`): it ends with its task",
    fix: "Write `life: 5400s`, or less.",
    but: { find: "5400", replace: "7200" },
  },
  {
    name: "an approval for which nothing asks",
    lint: "unasked-approval",
    edits: [
      {
        file: "approvers.yaml",
        find: "  # Of a refund",
        replace: "  - { name: finance, approvers: [{ issuer: local, group: finance }] }\n  # Of a refund",
      },
      {
        file: "guardrails.yaml",
        replace:
          "windows:\n  - { id: mails, tools: [mail.send], per: [agent, user_or_agent], limit: 9, within: 1m, then: approve }\n",
      },
    ],
    file: "approvers.yaml",
    at: "finance, approvers",
    message: "no rule and no guardrail requires the approval `finance`",
    fix: 'Write `@remedy("approval:finance")`, or `approval: finance` in guardrails.yaml, or remove it.',
    but: { find: "then: approve }", replace: "then: approve, approval: finance }" },
  },
  {
    name: "an approval of which no receiver is told",
    lint: "untold-approval",
    edits: [
      {
        file: "approvers.yaml",
        replace:
          "approvals:\n  - { name: refunds, approvers: [{ issuer: local, group: operations }] }\n  - { name: desk, approvers: [{ issuer: local, group: desk }] }\n",
      },
      {
        file: "guardrails.yaml",
        replace:
          "windows:\n  - { id: a, tools: [mail.send], per: [agent, user_or_agent], limit: 9, within: 1m, then: approve, approval: desk }\n",
      },
      {
        file: "receivers.yaml",
        replace: "receivers: [{ id: chat, format: slack, events: [approval.asked], approvals: [desk] }]\n",
      },
    ],
    file: "approvers.yaml",
    at: "refunds, approvers",
    message: "no receiver is notified of the approval `refunds`, although one is of others",
    fix: "Add it to `approvals` of a receiver in receivers.yaml.",
    but: { find: "approvals: [desk]", replace: "approvals: [desk, refunds]" },
  },
  {
    name: "a scope above the sensitivity of its grant",
    lint: "too-sensitive",
    edits: [agents(NIGHTLY, NIGHTLY.replace("list:read]", "list:read, crm.customers.*:read]"))],
    file: "agents.yaml",
    at: "crm.customers.*:read]",
    message: "`crm.customers.*:read` covers only tools that are above `internal`",
    fix: "Raise `max_sensitivity`, or remove the scope.",
    but: { find: "max_sensitivity: internal", replace: "max_sensitivity: confidential" },
  },
  {
    name: "a scope that no ceiling reaches",
    lint: "beyond-ceiling",
    edits: [agents(GRANT, GRANT.replace("list:read]", "list:read, mail.send:write]"))],
    file: "agents.yaml",
    at: "mail.send:write]\n      max_sensitivity: internal\n      env",
    message: "no agent with the purpose `nightly-report` may have any of `mail.send:write`",
    fix: "Widen the `ceiling` of an agent, or remove the scope.",
    but: { find: "mail.send:write", replace: "crm.tickets.*:read" },
  },
  {
    name: "a sensitivity that no ceiling reaches",
    lint: "beyond-ceiling",
    edits: [agents(GRANT, GRANT.replace("internal", "confidential"))],
    file: "agents.yaml",
    at: "confidential\n      environments",
    message: "no agent with the purpose `nightly-report` may go beyond `internal`",
    fix: "Write `internal`, or raise the `ceiling` of an agent.",
    but: { find: "confidential", replace: "internal" },
  },
  {
    name: "an environment that no ceiling has",
    lint: "beyond-ceiling",
    edits: [
      agents(GRANT, GRANT.replace("[development]", "[development, staging]")),
      agents(NIGHTLY, NIGHTLY.replace("    purposes", "      environments: [development]\n    purposes")),
      {
        file: "gateways.yaml",
        find: "  - id: forward\n",
        replace:
          "  - { id: stage, dialect: traefik, body: true, origins: ['http://127.0.0.1:8080'], audience: 'https://s.example', environment: staging }\n  - id: forward\n",
      },
    ],
    file: "agents.yaml",
    at: "staging",
    message: "no agent with the purpose `nightly-report` may work in environment `staging`",
    fix: "Add it to the `ceiling` of an agent, or remove it.",
    but: { find: "      environments: [development]\n    purposes", replace: "    purposes" },
  },
  {
    name: "a purpose that is too sensitive for its agent",
    lint: "out-of-reach",
    edits: [
      agents(
        "    ceiling:\n      tools: [crm.*:read, everything.*:read]\n      max_sensitivity: confidential\n    purposes: [tr",
        '    ceiling:\n      tools: ["*:read"]\n      max_sensitivity: public\n    purposes: [tickets, tr',
      ),
      agents("triage-ticket, answer-customer]\n    life", "triage-ticket]\n    life"),
      agents(
        "  # A list once a night",
        "  - { name: tickets, grant: { tools: [crm.tickets.*:read], max_sensitivity: internal }, life: 60 }\n  # A list once",
      ),
      agents("refund-order]\n    delegates_to", "refund-order, tickets]\n    delegates_to"),
    ],
    file: "agents.yaml",
    at: "tickets, triage-ticket]",
    message: "the agent's ceiling leaves no tool of it that is within `max_sensitivity` for purpose `tickets`",
    fix: "Widen the `ceiling`, or remove the purpose.",
    but: { find: "max_sensitivity: public", replace: "max_sensitivity: internal" },
  },
  {
    name: "a purpose whose environments its agent does not share",
    lint: "out-of-reach",
    edits: [
      {
        file: "gateways.yaml",
        find: "  - id: forward\n",
        replace:
          "  - { id: stage, dialect: traefik, body: true, origins: ['http://127.0.0.1:8080'], audience: 'https://s.example', environment: staging }\n  - id: forward\n",
      },
      agents(GRANT, GRANT.replace("[development]", "[development, staging]")),
      agents(
        "    ceiling:\n      tools: [crm.tickets.*:read, everything.*:read, desk.*:read]\n      max_sensitivity: internal\n    purposes: [triage-ticket]",
        "    ceiling:\n      tools: [crm.tickets.*:read, everything.*:read, desk.*:read]\n      max_sensitivity: internal\n      environments: [staging]\n    purposes: [triage-ticket, by-day]",
      ),
      agents(
        "  # A list once a night",
        "  - { name: by-day, grant: { tools: [crm.tickets.*:read], max_sensitivity: internal, environments: [development] }, life: 60 }\n  # A list once a night",
      ),
      agents(
        "    purposes: [triage-ticket, answer-customer, refund-order]\n    delegates_to",
        "    purposes: [triage-ticket, answer-customer, refund-order, by-day]\n    delegates_to",
      ),
    ],
    file: "agents.yaml",
    at: "by-day]\n\n",
    message: "the agent's ceiling leaves none of its environments for purpose `by-day`",
    fix: "Widen the `ceiling`, or remove the purpose.",
    but: { find: "environments: [staging]", replace: "environments: [staging, development]" },
  },
  {
    name: "a step that a forbid defeats",
    lint: "impossible-step",
    edits: [
      agents(
        "    default: [crm.tickets.*:read",
        "    plan: { steps: [crm.tickets.get, crm.tickets.reply] }\n    default: [crm.tickets.*:read",
      ),
      rules('@id("x") forbid (principal, action == Action::"write", resource == Tool::"crm.tickets.reply");'),
    ],
    file: "agents.yaml",
    at: "crm.tickets.reply] }",
    message: 'rule "x" at more.cedar:1 forbids step 2 of the plan, for every caller',
    fix: "Remove the step, or let its tool be granted and permitted.",
    but: { find: "principal,", replace: "principal is User," },
  },
  {
    name: "a step that nobody is permitted",
    lint: "impossible-step",
    edits: [
      agents(
        "      calls: 50\n    life: 1800\n",
        "      calls: 50\n    life: 1800\n    plan: { steps: [crm.tickets.get, everything.toggle-subscriber-updates] }\n",
      ),
      agents("crm.tickets.reply:write, mail.send", "everything.*:write, crm.tickets.reply:write, mail.send"),
      agents(
        "          crm.*:write,\n          mail",
        "          crm.*:write,\n          everything.*:write,\n          mail",
      ),
    ],
    file: "agents.yaml",
    at: "everything.toggle-subscriber-updates] }",
    message: "no rule permits any principal step 2 of the plan",
    fix: "Remove the step, or let its tool be granted and permitted.",
    but: { find: "everything.toggle-subscriber-updates]", replace: "mail.send]" },
  },
  {
    name: "a step above the purpose's sensitivity",
    lint: "impossible-step",
    edits: [
      agents(
        "    default: [crm.tickets.*:read",
        "    plan: { steps: [crm.tickets.get, crm.customers.get] }\n    default: [crm.tickets.*:read",
      ),
      agents("tools: [crm.tickets.*:read, crm.tickets.*:write, ev", "tools: [crm.*:read, crm.tickets.*:write, ev"),
    ],
    file: "agents.yaml",
    at: "crm.customers.get] }",
    message: "the purpose's `max_sensitivity` is below all tools of step 2 of the plan",
    fix: "Remove the step, or let its tool be granted and permitted.",
    but: { find: "crm.customers.get]", replace: "crm.tickets.list]" },
  },
  {
    name: "levels of sub-agents for whom there are none",
    lint: "idle-depth",
    edits: [agents("    delegates_to: [spiffe://example.org/agent/researcher]\n    depth: 2\n", "    depth: 2\n")],
    file: "agents.yaml",
    at: "2\n\n  # Looks",
    message: "`depth` has no effect without `delegates_to`",
    fix: "Name agents in `delegates_to`, or remove it.",
    but: { find: "depth: 2", replace: "depth: 0" },
  },
  {
    name: "a sub-agent for which no tool is left",
    lint: "empty-delegation",
    edits: [
      agents(
        "desk.*:read]\n      max_sensitivity: internal\n    purposes: [triage-ticket]\n\n  - id: spiffe://example.org/agent/nightly",
        "desk.*:read]\n      max_sensitivity: internal\n    purposes: [triage-ticket]\n    delegates_to: [spiffe://example.org/agent/mailer]\n    depth: 1\n\n" +
          "  - id: spiffe://example.org/agent/mailer\n    owner: support-team\n    groups: [support]\n    ceiling: { tools: [mail.send:write], max_sensitivity: confidential }\n    purposes: [answer-customer]\n\n" +
          "  - id: spiffe://example.org/agent/nightly",
      ),
    ],
    file: "agents.yaml",
    at: "spiffe://example.org/agent/mailer]",
    message: "no task of this agent leaves that agent a tool that its ceiling and purposes cover",
    fix: "Widen the `ceiling` or the purposes of one of them, or remove the agent here.",
    but: { find: "[mail.send:write]", replace: "[mail.send:write, desk.*:read]" },
  },
  {
    name: "an agent that works for people and for nobody",
    lint: "two-histories",
    edits: [agents("    purposes: [nightly-report]\n", "    purposes: [nightly-report, triage-ticket]\n")],
    file: "agents.yaml",
    at: "[nightly-report, triage-ticket]",
    message:
      "purpose `triage-ticket` has a user and `nightly-report` may have none: what is done for one does not count for the other",
    fix: "Register another agent for `nightly-report`, or write `user: required` for it.",
    but: { find: "[nightly-report, triage-ticket]", replace: "[nightly-report]" },
  },
]

const ENTRA = `
  - id: entra
    issuer: https://login.microsoftonline.com/0f6c7d1e-1111-4a2b-8c3d-5e4f60718293/v2.0
    keys: { discovery: true }
    algorithms: [RS256]
    users: { audiences: [narrowgate], clients: [desk], claims: { groups: roles } }
`

const ISSUERS: readonly LintCase[] = [
  {
    name: "an issuer that gives one person another subject for each client",
    lint: "pairwise-subject",
    edits: [{ file: "issuers.yaml", find: "issuers:\n", replace: `issuers:${ENTRA}` }],
    file: "issuers.yaml",
    at: "{ groups: roles }",
    message:
      "`sub` of this issuer is another one for each of `narrowgate`, `desk`: one person is several users, each with a history of their own",
    fix: "Write `subject: oid` in `claims`.",
    but: { find: "{ groups: roles }", replace: "{ subject: oid, groups: roles }" },
  },
  {
    name: "two clients whose people sign in by ID tokens",
    lint: "pairwise-subject",
    edits: [
      {
        file: "issuers.yaml",
        find: "issuers:\n",
        replace: `issuers:${ENTRA.replace("audiences: [narrowgate], clients: [desk]", "clients: [desk, mail]")}`,
      },
    ],
    file: "issuers.yaml",
    at: "{ groups: roles }",
    message:
      "`sub` of this issuer is another one for each of `desk`, `mail`: one person is several users, each with a history of their own",
    fix: "Write `subject: oid` in `claims`.",
    but: { find: "clients: [desk, mail]", replace: "clients: [desk]" },
  },
]

const LIMITS: readonly LintCase[] = [
  {
    name: "a wider window behind a tighter one",
    lint: "idle-window",
    edits: [windows("  - { id: slow, tools: [everything.*], per: [agent, user], limit: 1200, within: 2m }\n")],
    file: "guardrails.yaml",
    at: "slow",
    message:
      "window `calls-per-minute` (600 per agent and user_or_agent in 1m) is tighter, so this one never denies a call",
    fix: "Lower the `limit`, or remove the window.",
    but: { find: "1200", replace: "1199" },
  },
  {
    name: "a window of a task behind one of its agent, but not the other way round",
    lint: "idle-window",
    edits: [
      windows("  - { id: again, tools: [everything.echo], per: [agent, user_or_agent], limit: 3, within: 2s }\n"),
    ],
    file: "guardrails.yaml",
    at: "echo-burst",
    message: "window `again` (3 per agent and user_or_agent in 2s) is tighter, so this one never denies a call",
    fix: "Lower the `limit`, or remove the window.",
    but: { find: "limit: 3", replace: "limit: 4" },
  },
  {
    name: "a window of an agent behind one of all calls",
    lint: "idle-window",
    edits: [windows("  - { id: all, tools: ['*'], per: everything, limit: 600, within: 1m }\n")],
    file: "guardrails.yaml",
    at: "calls-per-minute",
    message: "window `all` (600 in all in 1m) is tighter, so this one never denies a call",
    fix: "Lower the `limit`, or remove the window.",
    but: { find: "per: everything", replace: "per: purpose" },
  },
  {
    name: "calls that a window refuses",
    lint: "out-of-calls",
    edits: [
      windows("  - { id: tickets, tools: [crm.tickets.*], per: [agent, user_or_agent], limit: 1, within: 2m }\n"),
      agents(GRANT, GRANT),
    ],
    file: "agents.yaml",
    at: "10\n    life",
    message:
      "no task of purpose `nightly-report` makes 10 calls: window `tickets` admits 5 in the life of a task (10m)",
    fix: "Lower `calls`, or raise the window's `limit`.",
    but: { find: "limit: 1,", replace: "limit: 2," },
  },
  {
    name: "more steps than calls",
    lint: "out-of-calls",
    edits: [
      agents(
        GRANT,
        GRANT.replace("10", "1").replace(
          "life: 600\n",
          "life: 600\n    plan:\n      steps:\n        - crm.tickets.list\n        - crm.tickets.list\n",
        ),
      ),
    ],
    file: "agents.yaml",
    at: "- crm.tickets.list\n        - crm.tickets.list",
    message: "the plan has 2 steps, and the purpose grants 1 calls",
    fix: "Raise `calls`, or remove steps.",
    but: { find: "calls: 1\n", replace: "calls: 2\n" },
  },
  {
    name: "more steps than a window admits",
    lint: "out-of-calls",
    edits: [
      windows("  - { id: tickets, tools: [crm.tickets.*], per: user_or_agent, limit: 1, within: 1h }\n"),
      agents(
        GRANT,
        GRANT.replace("      calls: 10\n", "").replace(
          "life: 600\n",
          "life: 600\n    plan:\n      steps:\n        - crm.tickets.list\n        - crm.tickets.*\n",
        ),
      ),
    ],
    file: "agents.yaml",
    at: "- crm.tickets.list\n        - crm.tickets.*",
    message: "the plan needs 2 calls: window `tickets` admits 1 in the life of a task (10m)",
    fix: "Raise the window's `limit`, or give the purpose a longer `life`.",
    but: { find: "limit: 1,", replace: "limit: 600," },
  },
  {
    name: "a count of each user, and tasks without one",
    lint: "userless-key",
    edits: [windows("  - { id: lists, tools: [crm.tickets.list], per: user, limit: 60, within: 1m }\n")],
    file: "guardrails.yaml",
    at: "user, limit",
    message: "a task of purpose `nightly-report` may have no user, and such a call of it is denied",
    fix: "Narrow the guardrail by `purposes`, write `user_or_agent`, or write `user: required` for that purpose.",
    but: { find: "per: user", replace: "purposes: [triage-ticket], per: user" },
  },
  {
    name: "an event of a user, and tasks without one",
    lint: "userless-key",
    edits: [
      sequence("tools: [mail.send], require: { formerly: { tools: [crm.tickets.list], same: [user], within: 1h } } }"),
    ],
    file: "guardrails.yaml",
    at: "user]",
    message: "a task of purpose `nightly-report` may have no user, and such a call of it is denied",
    fix: "Narrow the guardrail by `purposes`, write `user_or_agent`, or write `user: required` for that purpose.",
    but: { find: "same: [user]", replace: "same: [agent]" },
  },
  {
    name: "a window that counts by the tree",
    lint: "begins-anew",
    edits: [windows("  - { id: lookups, tools: [desk.search], per: [tree, tool], limit: 9, within: 1m }\n")],
    file: "guardrails.yaml",
    at: "[tree, tool]",
    message: "it counts by `tree`, so a new task begins it anew",
    fix: "Write `per: [agent, user_or_agent, tool]`, without `agent` for all agents of a user together.",
    but: { find: "[tree, tool]", replace: "[user_or_agent, tool]" },
  },
  {
    name: "a budget for the life of a task",
    lint: "begins-anew",
    edits: [budget("tools: [desk.search], per: task, limit: 9")],
    file: "guardrails.yaml",
    at: "task, limit: 9",
    message: "it counts by `task`, so a new task begins it anew",
    fix: "Write `every: 1d` and `per: [agent, user_or_agent]`, without `agent` for all agents of a user together.",
    // What a single task is about.
    but: { find: "limit: 9", replace: "limit: 1, distinct: tool" },
  },
  {
    name: "values in a day, of a tree",
    lint: "begins-anew",
    edits: [budget("tools: [desk.search], per: [tree, user], limit: 9, distinct: tool, every: 1d")],
    file: "guardrails.yaml",
    at: "[tree, user]",
    message: "it counts by `tree`, so a new task begins it anew",
    fix: "Write `per: [agent, user]`, without `agent` for all agents of a user together.",
    but: { find: "[tree, user]", replace: "user" },
  },
  ...["repeats: 3, within: 1m", "cycles: 3", "denials: 3, within: 1m"].map((what): LintCase => ({
    name: `a loop of a task: ${what}`,
    lint: "begins-anew",
    edits: [loop(`tools: [desk.search], per: task, ${what}`)],
    file: "guardrails.yaml",
    at: `task, ${what}`,
    message: "it looks at one task, so a new task begins it anew",
    fix: "Remove `per`: it then looks at all tasks of the agent for the user.",
    but: { find: "per: task", replace: "per: agent" },
  })),
  {
    name: "a sequence that forbids, of a tree",
    lint: "begins-anew",
    edits: [sequence("tools: [mail.send], per: tree, forbid: { formerly: { tools: [desk.search], within: 1h } } }")],
    file: "guardrails.yaml",
    at: "tree, forbid",
    message: "earlier calls of one tree can deny by it, so a new task begins it anew",
    fix: "Remove `per`: it then looks at all tasks of the agent for the user.",
    but: { find: "forbid", replace: "require" },
  },
  {
    name: "a sequence that requires something and forbids something",
    lint: "begins-anew",
    edits: [
      sequence(
        "tools: [mail.send], require: { all: [{ formerly: { tools: [desk.search], within: 1h } }, { count: { tools: [mail.send], within: 1h, at_most: 3 } }] } }",
      ),
    ],
    file: "guardrails.yaml",
    at: "order, tools",
    message: "earlier calls of one tree can deny by it, so a new task begins it anew",
    fix: "Make two sequences: one of what must have happened, one of what must not. Or write `per: agent`.",
    but: { find: "at_most: 3", replace: "at_least: 3" },
  },
  {
    name: "a required call that another undoes, made under a condition that forbids",
    lint: "begins-anew",
    edits: [
      sequence(
        "tools: [mail.send], require: { since: { tools: [desk.search], within: 1h, unless: { tools: [mail.send] }, when: { not: { formerly: { tools: [mail.send], within: 1h } } } } } }",
      ),
    ],
    file: "guardrails.yaml",
    at: "order, tools",
    message: "earlier calls of one tree can deny by it, so a new task begins it anew",
    fix: "Make two sequences: one of what must have happened, one of what must not. Or write `per: agent`.",
    but: { find: ", when: { not: { formerly: { tools: [mail.send], within: 1h } } }", replace: "" },
  },
  {
    name: "an event that is tied to the task",
    lint: "begins-anew",
    edits: [sequence("tools: [mail.send], forbid: { formerly: { tools: [desk.search], same: [task], within: 1h } } }")],
    file: "guardrails.yaml",
    at: "order, tools",
    message: "an event that denies is tied to the `task`, so a new task begins it anew",
    fix: "Remove `task` there.",
    but: { find: "same: [task]", replace: "same: [purpose]" },
  },
  {
    name: "a previous call of the task",
    lint: "begins-anew",
    edits: [sequence("tools: [mail.send], forbid: { previous: { tools: [desk.search], in: task } } }")],
    file: "guardrails.yaml",
    at: "order, tools",
    message: "the `previous` that denies is that of the task, so a new task begins it anew",
    fix: "Remove `in`.",
    but: { find: ", in: task", replace: "" },
  },
  {
    name: "an event that nobody may cause",
    lint: "ungranted-event",
    edits: [sequence("tools: [mail.send], require: { formerly: { tools: [everything.get-env], within: 1h } } }")],
    file: "guardrails.yaml",
    at: "[everything.get-env]",
    message: "no grant covers any of these tools, so no such call ever precedes",
    fix: "Name tools that some agent may call for a purpose.",
    but: { find: "get-env", replace: "echo" },
  },
  {
    name: "calls whose end one gateway tells, and the other does not",
    lint: "lingering-call",
    edits: [
      {
        file: "gateways.yaml",
        find: "request_id_header: x-request-id\n",
        replace: "request_id_header: x-request-id\n    settles: true\n",
      },
      {
        file: "guardrails.yaml",
        find: "windows:\n",
        replace: "concurrency:\n  - { id: sums, tools: [everything.get-sum], per: task, limit: 2 }\nwindows:\n",
      },
      // Of which only the other half of the case says more.
      { file: "catalog.yaml", find: "everything.get-sum\n", replace: "everything.get-sum\n" },
    ],
    file: "guardrails.yaml",
    at: "[everything.get-sum]",
    message: "gateway `forward` does not report when a call of `everything.get-sum` has ended",
    fix: "Give the tool a `duration` in catalog.yaml: without one it counts for an hour.",
    but: { find: "get-sum\n", replace: "get-sum\n    duration: 30s\n" },
  },
  {
    name: "an end that never comes, as the gateway only looks",
    lint: "idle-consequence",
    edits: [
      {
        file: "gateways.yaml",
        find: "    body: false\n",
        replace: "    body: false\n    # lint-allow observing-gateway: until March\n    mode: observe\n",
      },
      windows(
        "  - { id: lookups, tools: [desk.search], per: [agent, user_or_agent], limit: 9, within: 1m, then: revoke }\n",
      ),
    ],
    file: "guardrails.yaml",
    at: "revoke }",
    message: "`revoke` never follows: every gateway that serves these tools only observes",
    fix: "Write `mode: enforce` for one of them, or `then: deny`.",
    but: { find: "desk.search", replace: "desk.search, mail.send" },
  },
  {
    name: "an end that others can bring about",
    lint: "shared-consequence",
    edits: [windows("  - { id: lookups, tools: [desk.search], per: user, limit: 9, within: 1m, then: revoke }\n")],
    file: "guardrails.yaml",
    at: "revoke }",
    message: "`revoke` hits the task whose call finds it full, and every caller that shares its `user` can fill it",
    fix: "Count `per: [agent, user_or_agent]`, or write `then: deny` or `approve`.",
    but: { find: "per: user, limit: 9", replace: "per: [agent, user], limit: 9" },
  },
  {
    name: "an amount that is redacted, and that a sub-agent finds by what is denied",
    lint: "shared-secret",
    edits: [
      { file: "catalog.yaml", find: SUM, replace: `${SUM}    redact: [a]\n` },
      {
        file: "guardrails.yaml",
        find: "windows:\n",
        replace:
          "budgets:\n  - { id: sums, tools: [everything.get-sum], per: user, limit: 9, sum: arguments.a, every: 1d }\nwindows:\n",
      },
    ],
    file: "guardrails.yaml",
    at: "user, limit: 9",
    message:
      "it reads `arguments.a`, which the catalog redacts: another agent can find the value by calls that are denied",
    fix: "Count `per: [agent, user_or_agent]`, or by something else.",
    but: { find: "per: user, limit: 9", replace: "per: [agent, user], limit: 9" },
  },
  {
    name: "a repetition of arguments that are redacted, which counts for the agent above, too",
    lint: "shared-secret",
    edits: [
      { file: "catalog.yaml", find: SUM, replace: `${SUM}    redact: [a]\n` },
      loop("tools: [everything.get-sum], repeats: 3, within: 1m"),
    ],
    file: "guardrails.yaml",
    at: "{ id: again",
    message:
      "it reads arguments that the catalog redacts: an agent to which another delegates can find the value by calls that are denied",
    fix: "Restrict it by `agents` to one of them, or leave out the tools whose arguments are redacted.",
    but: {
      find: "repeats: 3",
      replace: "agents: ['spiffe://example.org/agent/support'], repeats: 3",
    },
  },
  {
    name: "a gateway that only looks",
    lint: "observing-gateway",
    edits: [{ file: "gateways.yaml", find: "    body: false\n", replace: "    body: false\n    mode: observe\n" }],
    file: "gateways.yaml",
    at: "observe\n",
    message: "gateway `web` allows every call, whatever is decided",
    fix: "Write `enforce` once the records look right.",
    but: { find: "observe", replace: "enforce" },
  },
  {
    name: "an argument that one of the gateways of a tool does not show",
    lint: "unseen-argument",
    edits: [
      {
        file: "gateways.yaml",
        find: "  - id: forward\n",
        replace:
          "  - { id: stage, dialect: traefik, body: true, origins: ['http://127.0.0.1:8081'], audience: 'https://s.example', environment: staging }\n  - id: forward\n",
      },
      rules(FORBID.replace("resource", 'resource == Tool::"desk.search"') + " when { context.arguments has to };"),
    ],
    file: FILE,
    at: "context.arguments has to",
    message: "`web` does not show `to` of `desk.search`: each such call is denied as `malformed_call`",
    fix: "Write `body: true` for `web` and configure it as docs/guides/gateways/nginx-njs.md, or except these tools here.",
    but: { find: "desk.search", replace: "everything.echo" },
  },
  {
    name: "a stream of events that only looks",
    lint: "observing-stream",
    edits: [
      {
        file: "streams.yaml",
        replace: `streams:
  - id: signals
    issuer: https://signals.example
    audiences: [https://authz.example/v1/events]
    keys: { jwks_uri: "https://signals.example/keys" }
    algorithms: [ES256]
    events: [session-revoked]
    about: { users: [{ issuer: local }] }
    mode: observe
`,
      },
    ],
    file: "streams.yaml",
    at: "observe\n",
    message: "stream `signals` suspends nothing, whatever it reports",
    fix: "Write `enforce` once the records look right.",
    but: { find: "observe", replace: "enforce" },
  },
]

const SPELLED: readonly LintCase[] = [
  {
    name: "a domain that a pattern of a rule spells",
    lint: "spelled-bound",
    edits: [
      rules(
        '@id("x") forbid (principal is Agent, action == Action::"write", resource == Tool::"crm.tickets.reply") unless { context.arguments has to && context.arguments.to like "*@example.org" };',
      ),
    ],
    file: FILE,
    at: "context.arguments has to",
    message: "`*@example.org` also matches several addresses, and one that mail hosts send elsewhere",
    fix: "Write a bound of the catalog with `email: [example.org]`, and read it as `context.bounds.NAME`.",
    but: { find: '"*@example.org"', replace: '"*@example.org" && !(context.arguments.to like "*,*")' },
  },
  ...(
    [
      ["/srv/reports/*", "a path that `..` leads out of it", "path: [/srv/reports]", "/srv/*/reports"],
      ["https://*.example.org/*", "a URL that leads to another host", 'url: { hosts: ["*.example.org"] }', "x*"],
      ["https://api.example.org/*", "a URL that leads to another host", "url: { hosts: [api.example.org] }", "x*"],
      ["http://*", "a URL that leads to another host", "url: { hosts: [api.example.org], schemes: [http] }", "x*"],
    ] as const
  ).map(([like, what, bound, fine]): LintCase => ({
    name: `a pattern of a grant that spells ${bound}`,
    lint: "spelled-bound",
    edits: [
      {
        file: "agents.yaml",
        find: "      calls: 20\n",
        replace: `      calls: 20\n      arguments: { file: { like: "${like}" } }\n`,
      },
    ],
    file: "agents.yaml",
    at: `"${like}"`,
    message: `\`${like}\` also matches ${what}`,
    fix: `Write \`${bound}\` instead.`,
    but: { find: like, replace: fine },
  })),
]

const OTHERS: readonly LintCase[] = [
  {
    name: "what the official engine finds impossible",
    lint: "cedar",
    edits: [rules(`${PERMIT} when { context.task.calls > 5 && false };`)],
    file: FILE,
    at: "@id",
    message: "policy is impossible: the policy expression evaluates to false for all valid requests",
    fix: "make the rule agree with the schema, or the schema with the rule",
    but: { find: " && false", replace: "" },
  },
  {
    name: "an agent that is not there",
    lint: "unknown-entity",
    edits: [
      rules(
        '@id("x") permit (principal == Agent::"spiffe://example.org/agent/supprt", action == Action::"write", resource == Tool::"mail.send");',
      ),
    ],
    file: FILE,
    at: "Agent::",
    message: '`Agent::"spiffe://example.org/agent/supprt"` is not there, so nothing matches it',
    fix: 'Did you mean `Agent::"spiffe://example.org/agent/support"`?',
    but: {
      find: 'permit (principal == Agent::"spiffe://example.org/agent/supprt"',
      replace: 'forbid (principal == Agent::"spiffe://example.org/agent/vault"',
    },
  },
  {
    name: "a template that nothing fills",
    lint: "unlinked-template",
    edits: [
      rules('@id("t") forbid (principal == ?principal, action == Action::"write", resource == Tool::"mail.send");'),
      { file: "links.yaml", replace: "links: []\n" },
    ],
    file: FILE,
    at: "@id",
    message: 'template "t" has no link, so it makes no rule',
    fix: "add one to links.yaml, or remove the template",
    but: {
      find: "[]",
      replace: '[{ id: l, template: t, principal: { type: Agent, id: "spiffe://example.org/agent/vault" } }]',
    },
  },
  {
    name: "a rule of a link, told where the link is",
    lint: "dead-rule",
    edits: [
      rules('@id("t") permit (principal == ?principal, action == Action::"read", resource == ?resource);'),
      {
        file: "links.yaml",
        replace:
          'links:\n  - { id: l, template: t, principal: { type: Agent, id: "spiffe://example.org/agent/nightly" }, resource: { type: Tool, id: mail.send } }\n',
      },
    ],
    file: "links.yaml",
    at: "l, template",
    message: "`mail.send` has action `write`, so the rule never applies",
    fix: 'Write `action == Action::"write"`, or remove the rule.',
    but: { find: "id: mail.send", replace: "id: everything.echo" },
  },
  {
    name: "operators who can do nothing",
    lint: "idle-operators",
    edits: [{ file: "operators.cedar", replace: "// none\n" }],
    file: "operators.yaml",
    at: "- issuer",
    message: "no rule permits the action `manage`: these operators can do nothing",
    fix: 'Add a rule for each group of them, such as `@id("operators-manage") permit (principal in OperatorGroup::"operator", action == Action::"manage", resource);`',
    but: {
      find: "// none",
      replace:
        '@id("operators-manage") permit (principal in OperatorGroup::"operator", action == Action::"manage", resource);',
    },
  },
]

const ALLOWED =
  '// lint-allow never-holds: to be filled in next week\n@id("x") permit (principal is User, action == Action::"read", resource)\nwhen { context.task.purpose == "b" };'
const ALLOWS: readonly LintCase[] = [
  {
    name: "a comment over a rule of which nothing is to be said",
    lint: "idle-allow",
    edits: [rules(ALLOWED.replace('"b"', '"triage-ticket"'))],
    file: FILE,
    at: "lint-allow",
    message: "there is nothing of `never-holds` to silence here",
    fix: "Remove the comment.",
    but: { find: '"triage-ticket"', replace: '"b"' },
  },
  {
    name: "a comment without a reason",
    lint: "idle-allow",
    edits: [rules(ALLOWED.replace(": to be filled in next week", "").replace('"b"', '"triage-ticket"'))],
    file: FILE,
    at: "lint-allow",
    message: "`lint-allow` has no reason",
    fix: "Write `lint-allow never-holds: ` and why it is meant so.",
    but: { find: "// lint-allow never-holds\n", replace: "" },
  },
  {
    name: "a comment for a lint that there is not",
    lint: "idle-allow",
    edits: [
      {
        file: "agents.yaml",
        find: "  - name: nightly-report\n",
        replace: "  # lint-allow unused-porpose: for later\n  - name: nightly-report\n",
      },
    ],
    file: "agents.yaml",
    at: "lint-allow",
    message: "no lint is called `unused-porpose`",
    fix: "Did you mean `unused-purpose`?",
    but: { find: "# lint-allow unused-porpose:", replace: "# unused?" },
  },
  {
    name: "a comment in YAML that silences nothing",
    lint: "idle-allow",
    edits: [
      {
        file: "gateways.yaml",
        find: "    body: false\n",
        replace:
          "    body: false\n    # lint-allow observing-gateway: until March\n    # (see the runbook)\n\n    mode: enforce\n",
      },
    ],
    file: "gateways.yaml",
    at: "lint-allow",
    message: "there is nothing of `observing-gateway` to silence here",
    fix: "Remove the comment.",
    but: { find: "mode: enforce", replace: "mode: observe" },
  },
]

const RECORD = { at: 1_764_000_000_000, mode: "enforce", chain: ["spiffe://example.org/agent/nightly"] }
const RECORDS: readonly LintCase[] = [
  {
    name: "tools that the records do not have",
    lint: "unused-authority",
    edits: [
      agents(
        NIGHTLY,
        NIGHTLY.replace("list:read]", "get:read, crm.tickets.list:read, crm.customers.get:read]").replace(
          "internal",
          "confidential",
        ),
      ),
    ],
    records: [
      { ...RECORD, decision: "allow", tool: "crm.tickets.list" },
      { ...RECORD, decision: "deny", tool: "crm.tickets.get" },
    ],
    file: "agents.yaml",
    at: "tools: [crm.tickets.get:read, crm.tickets.list:read, crm.customers.get:read]",
    message:
      "the agent called 1 of the 3 tools within its ceiling, in 2 records from 2025-11-24 16:00 to 2025-11-24 16:00 UTC; never `crm.tickets.get` (in no purpose of it), `crm.customers.get` (in no purpose of it)",
    fix: "According to the records, `tools: [crm.tickets.list:read]` with `max_sensitivity: internal` would do.",
    but: {
      find: "tools: [crm.tickets.get:read, crm.tickets.list:read, crm.customers.get:read]",
      replace: "tools: [crm.tickets.list:read]",
    },
  },
]

export const LINT_CASES: readonly LintCase[] = [
  ...DEAD,
  ...NEVER,
  ...SHADOWS,
  ...ANNOTATIONS,
  ...TOOLS,
  ...AGENTS,
  ...ISSUERS,
  ...LIMITS,
  ...SPELLED,
  ...OTHERS,
  ...ALLOWS,
  ...RECORDS,
]
