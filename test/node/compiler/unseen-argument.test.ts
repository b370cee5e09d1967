/**
 * What a gateway does not show must not be judged: each kind of place that judges an argument, behind a gateway that
 * forwards no bodies. In the example `web` serves the MCP server `desk` so, and `edge` everything else with bodies.
 */
import { join } from "node:path"
import { expect, it } from "vitest"
import { compileFiles, type Compiled } from "../../../cli/compiler/compile.ts"
import { readPolicies } from "../../../cli/compiler/model/read-directory.ts"

const { texts: EXAMPLE } = await readPolicies(join(import.meta.dirname, "../../../policies"))

/** A file, and text of it that is replaced; without it, the text is appended. */
type Edit = readonly [file: string, text: string, find?: string]

function compiled(edits: readonly Edit[]): Compiled {
  const texts = new Map(EXAMPLE)
  for (const [file, replace, find] of edits) {
    const text = texts.get(file) ?? ""
    expect(text).toContain(find ?? "")
    texts.set(file, find === undefined ? text + replace : text.replaceAll(find, () => replace))
  }
  return compileFiles({ texts, tables: new Map(), problems: [] })
}

interface Case {
  readonly name: string
  readonly edits: readonly Edit[]
  readonly file: string
  readonly at: string
  readonly message: string
  readonly severity?: "warning"
}

const DENIED = "each such call is denied as `malformed_call`"
const guardrail = (section: string, entry: string): Edit => [
  "guardrails.yaml",
  section === "windows"
    ? `\nwindows:\n  - { id: it, ${entry} }\n`
    : `\n${section}:\n  - { id: it, ${entry} }\nwindows:\n`,
  "\nwindows:\n",
]
const rule = (effect: string, condition: string): Edit => [
  "more.cedar",
  `@id("x") ${effect} (principal, action == Action::"write", resource == Tool::"desk.send-mail") ${condition};\n`,
]

const CASES: readonly Case[] = [
  {
    name: "a rule",
    edits: [rule("forbid", 'when { context.arguments has to && context.arguments.to == "eve@evil.example" }')],
    file: "more.cedar",
    at: "context.arguments has to",
    message: `\`web\` does not show \`to\` of \`desk.send-mail\`: ${DENIED}`,
  },
  {
    name: "a rule of many tools",
    edits: [
      [
        "more.cedar",
        '@id("x") forbid (principal, action in [Action::"read", Action::"write"], resource) when { context.arguments has to };\n',
      ],
    ],
    file: "more.cedar",
    at: "context.arguments has to",
    message: `\`web\` does not show \`to\` of \`desk.read-ticket\`, \`desk.search\`, \`desk.read-customer\`, 1 more: ${DENIED}`,
  },
  {
    name: "a bound that a rule reads by its name",
    edits: [
      rule("forbid", "unless { context.bounds.company_mail }"),
      [
        "catalog.yaml",
        "\nbounds:\n  - { name: company_mail, arguments: { to: { email: [example.org] } } }\ntools:\n",
        "\ntools:\n",
      ],
      ["schema.cedarschema", "\n  bounds: { company_mail: Bool },\n  arguments: A", "\n  arguments: A"],
    ],
    file: "more.cedar",
    at: "context.bounds.company_mail",
    message: `\`web\` does not show \`to\` of \`desk.send-mail\`: ${DENIED}`,
  },
  {
    name: "an approval that a rule requires",
    edits: [
      [
        "more.cedar",
        '@id("x") @remedy("approval:refunds")\nforbid (principal, action == Action::"write", resource == Tool::"desk.send-mail")\nunless { context.approvals.contains("refunds") };\n',
      ],
    ],
    file: "more.cedar",
    at: "forbid",
    message: "`web` does not show the arguments of `desk.send-mail`: nobody can approve such a call",
  },
  {
    name: "the bounds of a purpose",
    edits: [
      [
        "agents.yaml",
        "      calls: 50\n      arguments: { to: { max_length: 9, optional: true } }\n",
        "      calls: 50\n",
      ],
    ],
    file: "agents.yaml",
    at: "{ max_length: 9",
    message: `\`web\` does not show \`to\` of \`desk.read-ticket\`, \`desk.search\`, \`desk.read-customer\`, 1 more: ${DENIED}`,
  },
  {
    name: "what a budget adds up",
    edits: [guardrail("budgets", "tools: [desk.search], limit: 5, within: 1h, per: user, distinct: arguments.query")],
    file: "guardrails.yaml",
    at: "arguments.query",
    message: `\`web\` does not show \`query\` of \`desk.search\`: ${DENIED}`,
  },
  {
    name: "the calls that a window counts",
    edits: [
      guardrail("windows", "tools: [desk.search], arguments: { query: { eq: a } }, per: task, limit: 5, within: 1m"),
    ],
    file: "guardrails.yaml",
    at: "{ eq: a }",
    message:
      "`web` does not show `query` of `desk.search`: whether such a call matches is not known, so it counts as what denies more",
  },
  {
    name: "an approval that a window requires",
    edits: [guardrail("windows", "tools: [desk.search], per: task, limit: 5, within: 1m, then: approve")],
    file: "guardrails.yaml",
    at: "approve }",
    message: "`web` does not show the arguments of `desk.search`: nobody can approve such a call",
  },
  {
    name: "a redaction",
    edits: [["catalog.yaml", "  - name: desk.search\n    redact: [query]\n", "  - name: desk.search\n"]],
    file: "catalog.yaml",
    at: "query]",
    message: "`web` does not show `query` of `desk.search`: there is nothing to redact",
    severity: "warning",
  },
  {
    name: "a server whose headers prove nothing",
    edits: [["catalog.yaml", "", "    enforces_headers: true\n"]],
    file: "catalog.yaml",
    at: "desk\n    origin",
    message:
      "no call of `desk` is read through `web` without bodies: of their headers, the server is not known to enforce them",
  },
  {
    name: "a server whose answers are in the body",
    edits: [
      [
        "catalog.yaml",
        "\ntools:\n  - { name: desk.mcp.elicitation, action: read, sensitivity: public }\n",
        "\ntools:\n",
      ],
    ],
    file: "catalog.yaml",
    at: "desk\n    origin",
    message:
      "no call of `desk` is read through `web` without bodies: of their headers, answers to the server's own requests are in the body",
  },
  {
    name: "a route, through one of its gateways",
    edits: [
      [
        "gateways.yaml",
        "    origins: [http://127.0.0.1:8081, http://127.0.0.1:8080]\n",
        "    origins: [http://127.0.0.1:8081]\n",
      ],
    ],
    file: "limits.cedar",
    at: "context.arguments has to &&",
    message: `\`web\` does not show \`to\` of \`mail.send\`: ${DENIED}`,
    severity: "warning",
  },
]

it.each(CASES)("$name behind a gateway without bodies", ({ edits, file, at, message, severity }) => {
  const { problems, texts, body } = compiled(edits)
  const offset = (texts.get(file) ?? "").indexOf(at)
  const before = (texts.get(file) ?? "").slice(0, offset).split("\n")
  const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
  const found = problems.filter((problem) => problem.message === message)
  expect(found, JSON.stringify(problems, null, 2)).toMatchObject([
    { file, ...place, severity: severity ?? "error", lint: "unseen-argument" },
  ])
  expect(body === null).toBe(severity === undefined)
  // The same gateway with bodies shows them.
  const open = compiled([...edits, ["gateways.yaml", "    body: true\n", "    body: false\n"]])
  expect(open.problems.filter(({ lint }) => lint === "unseen-argument")).toEqual([])
})

it("arguments in a path, a query or a URI are shown without bodies", () => {
  const { problems } = compiled([
    [
      "gateways.yaml",
      "    origins: [http://127.0.0.1:8081, http://127.0.0.1:8080]\n",
      "    origins: [http://127.0.0.1:8081]\n",
    ],
    [
      "catalog.yaml",
      "\ntools:\n  - { name: desk.rows, action: read, sensitivity: public, groups: [support-desk], resource: 'db://tables/{to}' }\n",
      "\ntools:\n",
    ],
    [
      "more.cedar",
      '@id("x") forbid (principal, action == Action::"read", resource == Tool::"desk.rows") when { context.arguments has to };\n@id("y") forbid (principal, action == Action::"read", resource == Tool::"crm.tickets.get") when { context.arguments has to };\n',
    ],
  ])
  expect(problems.filter(({ file }) => file === "more.cedar")).toEqual([])
})

it.each(["caddy", "ingress-nginx", "apache", "aws"])(
  "%s cannot be registered as a gateway that forwards bodies",
  (dialect) => {
    const { problems } = compiled([["gateways.yaml", `    dialect: ${dialect}\n`, "    dialect: envoy\n"]])
    expect(problems).toContainEqual(
      expect.objectContaining({
        severity: "error",
        message: expect.stringContaining("forwards no bodies, so arguments"),
      }),
    )
  },
)
