/** What guardrails.yaml becomes in a bundle, section by section; and the examples of its documentation. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { describe, expect, it } from "vitest"
import { guardrailsOf } from "../../../cli/compiler/schema/guardrails.ts"
import { guardrailsFile } from "../../../cli/compiler/schema/guardrails.ts"
import { compileFiles } from "../../../cli/compiler/compile.ts"
import { assemble } from "../../../src/core/policy/assemble.ts"
import { encode } from "../../../src/core/policy/encode.ts"
import { readPolicies } from "../../../cli/compiler/model/read-directory.ts"

const ROOT = join(import.meta.dirname, "../../..")
const G = "id: g, tools: [crm.*]"
const OF = { tools: ["crm.*"] }
const COMMON = { id: "g", of: OF, consequence: "deny" }

const become = (text: string) => guardrailsOf(guardrailsFile.parse(parse(text)))

describe("a window", () => {
  it.each([
    ["per: task, limit: 9, within: 2s", { per: ["task"], span: { kind: "sliding", seconds: 2 } }],
    ["per: everything, limit: 9, within: 1m, kind: fixed", { per: [], span: { kind: "fixed", seconds: 60 } }],
    [
      "per: user, limit: 9, within: 24h, kind: bucket",
      { per: ["user"], span: { kind: "bucket", seconds: 86_400, burst: 9 } },
    ],
    [
      "per: [tree, arguments.to], limit: 9, within: 1h, kind: bucket, burst: 20, count: cost",
      {
        per: ["tree", "arguments.to"],
        measure: { kind: "cost" },
        span: { kind: "bucket", seconds: 3600, burst: 20 },
      },
    ],
  ])("%s", (written, expected) => {
    expect(become(`windows: [{ ${G}, ${written} }]`)).toEqual([
      { ...COMMON, kind: "limit", topic: "window", measure: { kind: "calls" }, limit: 9, ...expected },
    ])
  })
})

describe("a budget", () => {
  it.each([
    ["per: tree, limit: 5", { measure: { kind: "calls" }, limit: 5, span: { kind: "life" } }],
    [
      "per: tree, limit: 5, count: cost, every: 31d",
      { measure: { kind: "cost" }, span: { kind: "fixed", seconds: 2_678_400 } },
    ],
    [
      "per: tree, limit: 5, distinct: arguments.to, within: 12h",
      { measure: { kind: "distinct", field: "arguments.to" }, span: { kind: "sliding", seconds: 43_200 } },
    ],
    [
      "per: tree, limit: 0.0001, sum: arguments.amount",
      { measure: { kind: "sum", field: "arguments.amount" }, limit: 1 },
    ],
    [
      "per: tree, limit: 250.5, sum: arguments.amount",
      { measure: { kind: "sum", field: "arguments.amount" }, limit: 2_505_000 },
    ],
  ])("%s", (written, expected) => {
    const whole = { ...COMMON, kind: "limit", topic: "budget", per: ["tree"], limit: 5, span: { kind: "life" } }
    expect(become(`budgets: [{ ${G}, ${written} }]`)).toEqual([{ ...whole, ...expected }])
  })
})

describe("a loop", () => {
  it.each([
    [
      "repeats: 5, within: 10m",
      {
        kind: "limit",
        topic: "loop",
        per: ["call"],
        history: "agent",
        measure: { kind: "calls" },
        limit: 5,
        span: { kind: "sliding", seconds: 600 },
      },
    ],
    [
      "repeats: 5, within: 10m, per: tree",
      {
        kind: "limit",
        topic: "loop",
        per: ["tree", "call"],
        measure: { kind: "calls" },
        limit: 5,
        span: { kind: "sliding", seconds: 600 },
      },
    ],
    ["cycles: 3", { kind: "cycle", per: "agent", longest: 4, times: 3, pause: 3600 }],
    ["cycles: 3, per: task", { kind: "cycle", per: "task", longest: 4, times: 3 }],
    ["cycles: 3, per: tree, pause: 5m", { kind: "cycle", per: "tree", longest: 4, times: 3, pause: 300 }],
    ["cycles: 3, longest: 8, per: tree", { kind: "cycle", per: "tree", longest: 8, times: 3 }],
    ["denials: 20, within: 1m", { kind: "storm", per: "agent", limit: 20, seconds: 60 }],
    ["denials: 20, within: 1m, codes: [unknown_tool]", expect.objectContaining({ codes: ["unknown_tool"] })],
  ])("%s", (written, expected) => {
    const [loop] = become(`loops: [{ ${G}, ${written} }]`)
    expect(loop).toEqual("kind" in expected ? { ...COMMON, ...expected } : expected)
  })
})

it("a deviation is a limit of distinct values, of one where nothing else is said", () => {
  expect(become(`deviations: [{ ${G}, changes: network, within: 1h, then: quarantine }]`)).toEqual([
    {
      ...COMMON,
      kind: "limit",
      topic: "deviation",
      per: ["task"],
      measure: { kind: "distinct", field: "network" },
      limit: 1,
      span: { kind: "sliding", seconds: 3600 },
      consequence: "quarantine",
    },
  ])
})

it("concurrency has a key and a limit", () => {
  expect(become(`concurrency: [{ ${G}, per: [task, tool], limit: 2 }]`)).toEqual([
    { ...COMMON, kind: "concurrency", per: ["task", "tool"], limit: 2 },
  ])
})

describe("a condition", () => {
  const event = { tools: ["crm.*"], where: [] }
  it.each([
    ["formerly: { tools: [crm.*], within: 1h }", { kind: "formerly", event, seconds: 3600 }],
    ["previous: { tools: [crm.*] }", { kind: "previous", event, seconds: 86_400, in: "task" }],
    ["previous: { tools: [crm.*], in: tree, within: 5m }", { kind: "previous", event, seconds: 300, in: "tree" }],
    [
      "since: { tools: [crm.*], within: 1h, unless: { tools: [a.b], where: { arguments.to: user } } }",
      {
        kind: "since",
        event,
        seconds: 3600,
        undoneBy: { tools: ["a.b"], where: [{ past: "arguments.to", present: "user" }] },
      },
    ],
    ["count: { tools: [crm.*], within: 1h, at_most: 0 }", { kind: "count", event, seconds: 3600, is: { atMost: 0 } }],
    [
      "distinct: { tools: [crm.*], within: 1h, of: agent, at_least: 2 }",
      { kind: "distinct", event, seconds: 3600, field: "agent", is: { atLeast: 2 } },
    ],
    [
      "sum: { tools: [crm.*], within: 1h, of: arguments.amount, at_most: 99.99 }",
      { kind: "sum", event, seconds: 3600, field: "arguments.amount", is: { atMost: 999_900 } },
    ],
    [
      "all: [{ any: [{ not: { formerly: { tools: [crm.*], within: 1s } } }] }]",
      { kind: "all", of: [{ kind: "any", of: [{ kind: "not", of: { kind: "formerly", event, seconds: 1 } }] }] },
    ],
    [
      "formerly: { tools: [crm.*], within: 1s, same: [user, tree], when: { formerly: { tools: [a.b], within: 1s } } }",
      {
        kind: "formerly",
        seconds: 1,
        event: {
          tools: ["crm.*"],
          where: [
            { past: "user", present: "user" },
            { past: "tree", present: "tree" },
          ],
          when: { kind: "formerly", seconds: 1, event: { tools: ["a.b"], where: [] } },
        },
      },
    ],
  ])("%s", (written, expected) => {
    const rule = (key: string) => become(`sequences: [{ ${G}, per: tree, ${key}: { ${written} } }]`)
    expect(rule("require")).toEqual([{ ...COMMON, kind: "sequence", require: expected }])
    expect(rule("forbid")).toEqual([{ ...COMMON, kind: "sequence", require: { kind: "not", of: expected } }])
  })

  it.each([
    ["forbid: { formerly: { tools: [crm.*], within: 1h } }", true],
    ["forbid: { count: { tools: [crm.*], within: 1h, at_least: 3 } }", true],
    ["forbid: { count: { tools: [crm.*], within: 1h, at_most: 3 } }", false],
    ["require: { formerly: { tools: [crm.*], within: 1h } }", false],
    ["require: { not: { formerly: { tools: [crm.*], within: 1h } } }", true],
    ["require: { count: { tools: [crm.*], within: 1h, at_most: 3 } }", true],
    ["forbid: { all: [{ previous: { tools: [crm.*] } }, { not: { previous: { tools: [a.b] } } }] }", false],
    ["forbid: { formerly: { tools: [crm.*], within: 1h } }, per: tree", false],
    ["require: { formerly: { tools: [crm.*], within: 1h } }, per: agent", true],
  ])("is about the agent's calls where these can only deny: %s", (written, isOfAgent) => {
    const [rule] = become(`sequences: [{ ${G}, ${written} }]`)
    expect(rule && "history" in rule).toBe(isOfAgent)
  })

  it("is about the agent's previous call where it is about the agent's calls and says nothing else", () => {
    const rule = (more: string) => become(`sequences: [{ ${G}, forbid: { previous: { tools: [crm.*]${more} } } }]`)
    const previous = (where: string) => ({ kind: "not", of: { kind: "previous", event, seconds: 86_400, in: where } })
    expect(rule("")).toMatchObject([{ require: previous("tree") }])
    expect(rule(", in: task")).toMatchObject([{ require: previous("task") }])
  })
})

it("whatever narrows it goes along, of the entry and of an event", () => {
  const narrowed =
    "tools: ['*'], actions: [write], labels: ['sink:external'], sensitivity: internal, agents: [a], purposes: [p], environments: [e], arguments: { to: { like: '*@b' } }"
  const of = {
    tools: ["*"],
    actions: ["write"],
    labels: ["sink:external"],
    sensitivity: "internal",
    agents: ["a"],
    purposes: ["p"],
    environments: ["e"],
    arguments: { to: { like: "*@b" } },
  }
  expect(
    become(
      `sequences: [{ id: s, ${narrowed}, from_risk: 40, then: revoke, require: { formerly: { ${narrowed}, within: 1h } } }]`,
    ),
  ).toEqual([
    {
      id: "s",
      of,
      fromRisk: 40,
      consequence: "revoke",
      kind: "sequence",
      require: { kind: "formerly", event: { ...of, where: [] }, seconds: 3600 },
    },
  ])
})

it("sections come in an order of their own, entries in the file's", () => {
  const all = become(
    `concurrency: [{ id: f, tools: [a.b], per: task, limit: 1 }]
loops: [{ id: e, tools: [a.b], cycles: 2 }]
budgets: [{ id: b, tools: [a.b], per: tree, limit: 1 }, { id: c, tools: [a.b], per: task, limit: 1 }]
windows: [{ id: a, tools: [a.b], per: task, limit: 1, within: 1s }]
sequences: [{ id: d, tools: [a.b], forbid: { previous: { tools: [a.b] } } }]`,
  )
  expect(all.map(({ id }) => id)).toEqual(["a", "b", "c", "d", "e", "f"])
})

describe("policies with all of it", () => {
  const EVERYTHING = readFileSync(join(import.meta.dirname, "everything.yaml"), "utf8")

  it("check clean, and a bundle has it, with what catalog and gateways say for it", async () => {
    const { texts } = await readPolicies(join(ROOT, "policies"))
    const changed = new Map(texts)
      .set("guardrails.yaml", EVERYTHING)
      .set(
        "catalog.yaml",
        (texts.get("catalog.yaml") ?? "").replace("    cost: 10\n", "    cost: 10\n    duration: 2m\n"),
      )
      .set(
        "gateways.yaml",
        (texts.get("gateways.yaml") ?? "").replaceAll(
          "    body: true\n",
          "    body: true\n    settles: true\n    asserts: { country: x-country, client_ip: x-forwarded-for }\n",
        ),
      )
    const { body, problems } = compileFiles({ texts: changed, tables: new Map(), problems: [] })
    expect(problems).toEqual([])
    expect(body?.guardrails).toEqual(become(EVERYTHING))
    expect(body?.tools.filter(({ duration }) => duration !== undefined)).toMatchObject([
      { name: "everything.trigger-long-running-operation", duration: 120 },
    ])
    const asserts = { country: "x-country", client_ip: "x-forwarded-for" }
    expect(body?.gateways).toMatchObject([{ settles: true, asserts }, {}, { settles: true, asserts }])
    expect(body?.gateways[1]).not.toHaveProperty("settles")
    expect(body?.gateways[1]).toMatchObject({ serves_metadata: true })
    if (!body) throw new Error("the policies do not compile")
    expect(assemble(encode(body), { seq: 1, digest: "" }).catalog).toBeDefined()
  })

  it.each(["guardrails", "policies"])("the examples of docs/guides/%s.md can be read", (page) => {
    const examples = Array.from(
      readFileSync(join(ROOT, `docs/guides/${page}.md`), "utf8").matchAll(/```yaml\n(.*?)```/gsu),
      ([, text = ""]) => text,
    ).filter((text) => /^(?:windows|budgets|sequences|loops|deviations|concurrency):/mu.test(text))
    expect(examples.length).toBeGreaterThan(0)
    for (const example of examples) expect(become(example).length, example).toBeGreaterThan(0)
  })
})
