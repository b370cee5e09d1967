import { describe, expect, test } from "vitest"
import { lower } from "../../cli/compiler/rules/lower.ts"
import type { LinksFile } from "../../cli/compiler/schema/links.ts"
import { parseYaml } from "../../cli/compiler/source/source.ts"
import { Work } from "../../src/core/encoding/work.ts"
import { compileRules } from "../../src/core/policy/cedar/engine.ts"
import { entityStore } from "../../src/core/policy/cedar/entities.ts"
import { entity, record, set } from "../../src/core/policy/cedar/values/value.ts"

const SCHEMA = `
entity Group;
entity User in [Group] = { level: Long };
entity Tool;
action read appliesTo {
  principal: User,
  resource: Tool,
  context: { arguments: { a?: Long, b?: String, c?: { d: Long } }, risk: Long, other: { a: Long } },
};
`
const PERMIT = "permit (principal, action, resource)"

const lowerOne = (text: string, schema = SCHEMA) => lower([{ path: "a.cedar", text }], schema)
const when = (condition: string) => lowerOne(`@id("r") ${PERMIT} when { ${condition} };`)

describe("rules", () => {
  test("are what the official engine lowers them to, with id and remedy", () => {
    const { rules, problems } = lowerOne(
      `// first; "\n@id("go") ${PERMIT}; @id("stop")\n@remedy("approval:finance")\nforbid (principal, action, resource) unless { context.risk < 50 };`,
    )
    expect(problems).toEqual([])
    expect(rules).toMatchObject([
      { id: "go", reads: [], policy: { effect: "permit", conditions: [] } },
      { id: "stop", reads: [], remedy: "approval:finance", policy: { effect: "forbid" } },
    ])
    expect(rules[0]).not.toHaveProperty("remedy")
  })

  test("that read an argument by nearly the name that the schema has are told that name", () => {
    const schema = `type Arguments = { amount?: Long }; ${SCHEMA.replace(/\{ a\?: Long.*?\} \}/u, "Arguments")}`
    const { problems } = lowerOne(
      `@id("r") ${PERMIT} when { context.arguments has amuont && context.arguments.amuont > 1 };`,
      schema,
    )
    expect(problems.map(({ fix }) => fix)).toEqual([
      "add the line `amuont?: Long,` to `type Arguments` in schema.cedarschema; or did you mean `amount`?",
    ])
  })

  test("carry their messages, in any script", () => {
    const message = `Rückzahlungen nur bis “49,99 €” ${"x".repeat(260)}`
    const { rules, problems } = lowerOne(`@id("r") @message("${message}") forbid (principal, action, resource);`)
    expect([problems, rules[0]?.message]).toEqual([[], message])
  })

  test("decide at the edge as they are written", () => {
    const { rules } = lowerOne(
      `@id("go") permit (principal in Group::"staff", action == Action::"read", resource)
         when { ["é\u{1F600};", "\\u{1F600}//"].contains(context.arguments.b) } unless { context.arguments has a };`,
    )
    const engine = compileRules(rules)
    const store = entityStore([
      { uid: { type: "User", id: "u" }, attrs: { level: 1 }, parents: [{ type: "Group", id: "staff" }] },
    ])
    const allowed = (args: Parameters<typeof record>[0]) =>
      engine.authorize(
        {
          principal: entity("User", "u"),
          action: entity("Action", "read"),
          resource: entity("Tool", "t"),
          context: record({ arguments: record(args) }),
          work: new Work(Infinity),
        },
        store,
      ).allowed
    expect(allowed({ b: "é\u{1F600};" })).toBe(true)
    expect(allowed({ b: "\u{1F600}//" })).toBe(true)
    expect(allowed({ b: "other" })).toBe(false)
    expect(allowed({ b: "\u{1F600}//", a: 1n })).toBe(false)
    expect(allowed({ b: set([]) })).toBe(false)
  })

  test("a file of comments, or an empty one, has none", () => {
    expect(
      lower(
        [
          { path: "a.cedar", text: "" },
          { path: "b.cedar", text: '// permit; "' },
        ],
        SCHEMA,
      ),
    ).toEqual({
      rules: [],
      written: new Map(),
      placed: [],
      problems: [],
    })
  })

  test("a comment ends at a carriage return, as for the parser", () => {
    expect(lowerOne(`// c\r@id("r") ${PERMIT};`).rules.map(({ id }) => id)).toEqual(["r"])
  })
})

describe("integers that JSON rounds", () => {
  const cases: readonly (readonly [condition: string, risk: bigint])[] = [
    ["context.risk == 9223372036854775807", 2n ** 63n - 1n],
    ["context.risk == -9223372036854775808", -(2n ** 63n)],
    ["-context.risk == - 9007199254740993", 2n ** 53n + 1n],
    ["context.risk == -(-(9007199254740993))", 2n ** 53n + 1n],
    ["context.risk == --9007199254740993 // 9007199254740995\n", 2n ** 53n + 1n],
    ["[1, 0009007199254740993].contains(context.risk)", 2n ** 53n + 1n],
    [
      '{ a9007199254740995: 9007199254740993, "long 9007199254740993": 1 }.a9007199254740995 == context.risk',
      2n ** 53n + 1n,
    ],
  ]
  test.each(cases)("%s", (condition, risk) => {
    const { rules, problems } = when(condition)
    expect(problems).toEqual([])
    const engine = compileRules(JSON.parse(JSON.stringify(rules)))
    const request = { principal: entity("User", "u"), action: entity("Action", "read"), resource: entity("Tool", "t") }
    const allowed = (value: bigint) =>
      engine.authorize({ ...request, context: record({ risk: value }), work: new Work(Infinity) }, entityStore([]))
        .allowed
    expect(allowed(risk)).toBe(true)
    expect(allowed(risk - 1n)).toBe(false)
    expect(allowed(risk + 1n)).toBe(false)
  })
})

describe("templates", () => {
  const TEMPLATE = `@id("t") @remedy("approval:finance")
    forbid (principal is User in ?principal, action, resource == ?resource) when { context.arguments has a };`
  const staff = { type: "Group", id: "staff" }
  const crm = { type: "Tool", id: "crm" }
  const withLinks = (text: string, links: LinksFile["links"]) => {
    const { source } = parseYaml("links.yaml", JSON.stringify({ links }, null, 1))
    return lower([{ path: "a.cedar", text }], SCHEMA, { ...source, value: { links } })
  }

  test("become a rule with each link, with its remedy and what it reads", () => {
    const { rules, problems } = withLinks(TEMPLATE, [{ id: "l", template: "t", principal: staff, resource: crm }])
    expect(problems).toEqual([])
    expect(rules).toMatchObject([
      {
        id: "l",
        remedy: "approval:finance",
        reads: ["a"],
        policy: {
          annotations: { id: "l" },
          principal: { op: "is", entity_type: "User", in: { entity: staff } },
          resource: { op: "==", entity: crm },
        },
      },
    ])
    const engine = compileRules(rules)
    const store = entityStore([{ uid: { type: "User", id: "u" }, attrs: {}, parents: [staff] }])
    const erring = (user: string) =>
      engine.authorize(
        {
          principal: entity("User", user),
          action: entity("Action", "read"),
          resource: entity("Tool", "crm"),
          context: record({}),
          work: new Work(Infinity),
        },
        store,
      ).erring
    expect(erring("u")).toEqual(["l"])
    expect(erring("v")).toEqual([])
  })

  const link = { id: "l", template: "t", principal: staff, resource: crm }
  const cases: readonly (readonly [what: string, links: LinksFile["links"], problems: readonly object[]])[] = [
    ["no link", [], [{ file: "a.cedar", line: 1, severity: "warning", message: expect.stringContaining("no link") }]],
    [
      "no such template",
      [{ ...link, template: "x" }],
      [{ message: expect.stringContaining("no link") }, { file: "links.yaml", line: 5 }],
    ],
    [
      "a slot left open",
      [{ id: "l", template: "t", principal: staff }],
      [{ file: "links.yaml", message: expect.stringContaining("has ?resource") }],
    ],
    [
      "the id of a template",
      [{ ...link, id: "t" }],
      [{ file: "links.yaml", line: 4, message: expect.stringContaining('"t" names') }],
    ],
    ["an id twice", [link, link], [{ file: "links.yaml", line: 16, message: expect.stringContaining('"l" names') }]],
    [
      "an id that is no name",
      [{ ...link, id: "a b" }],
      [{ file: "links.yaml", line: 4, message: expect.stringContaining("no name") }],
    ],
    [
      "a type that there is not",
      [{ ...link, resource: { type: "Nope", id: "x" } }],
      [{ file: "links.yaml", severity: "error" }, { severity: "warning" }],
    ],
  ]
  test.each(cases)("%s", (_, links, problems) => {
    expect(withLinks(TEMPLATE, links).problems).toMatchObject(problems)
  })

  test("an operator that the edge has not is found at the template", () => {
    const text = `\n@id("t") permit (principal, action, resource == ?resource) when { unknown("x") };`
    const { problems } = withLinks(text, [{ id: "l", template: "t", resource: crm }])
    expect(problems).toMatchObject([{ file: "a.cedar", line: 2, message: expect.stringContaining("unknown") }])
  })

  test("a slot that the template has not", () => {
    const text = `@id("t") permit (principal == ?principal, action, resource);`
    expect(withLinks(text, [link]).problems).toMatchObject([{ message: expect.stringContaining("has no ?resource") }])
  })
})

describe("reads", () => {
  const cases: readonly (readonly [condition: string, reads: readonly string[]])[] = [
    ["context.risk < 50", []],
    ["context.other.a == 1", []],
    ["context.arguments has a", ["a"]],
    ["context has arguments.a", ["a"]],
    ["context has arguments", []],
    ["context.arguments has a && context.arguments.a == 1", ["a"]],
    ["context.arguments has c && context.arguments.c.d == 1", ["c"]],
    ["context.arguments has c.d && context.arguments.c.d == 1", ["c"]],
    ['context["arguments"] has b && ["x"].contains(context["arguments"]["b"])', ["b"]],
    ['context.arguments has b && context.arguments.b like "*" && context.arguments has a', ["a", "b"]],
    ["(if context.arguments has a then context.arguments.a else 0) == 1", ["a"]],
    ["context.arguments == context.arguments", ["*"]],
    ["[context.arguments].contains(context.arguments)", ["*"]],
    ["context == context", ["*"]],
    ["(if true then context else context).risk == 1", ["*"]],
    ["{ whole: context.arguments }.whole has b", ["*"]],
    ['["context", "arguments"].contains("a")', []],
    // A member may have the name of an operator.
    ['{ "Value": context.arguments.amount }.Value == 1', ["amount"]],
  ]
  test.each(cases)("%s", (condition, reads) => {
    expect(when(condition).rules.map((rule) => rule.reads)).toEqual([reads])
  })

  const members: readonly (readonly [condition: string, members: readonly string[] | undefined])[] = [
    ["context.arguments has a && context.arguments.a == 1", undefined],
    ["context.arguments has c && context.arguments.c.d == 1", ["d"]],
    ["context has arguments.c.d", ["d"]],
    ["(if context.arguments has c then context.arguments.c else { d: 1 }).d == 1", ["d"]],
    ["{ c: context.arguments.c }.c.d == 1", ["c", "d"]],
    ["[{ d: 1 }].contains(context.arguments.c)", ["d"]],
    ["context.arguments has a && principal.level == 1 && context.other.a == 1", undefined],
    ["{ d: 1 }.d == 1", undefined],
  ]
  test.each(members)("of members within arguments: %s", (condition, read) => {
    expect(when(condition).rules.map((rule) => rule.members)).toEqual([read])
  })

  test("in unless as well as in when", () => {
    const { rules } = lowerOne(`@id("r") ${PERMIT} unless { context.arguments has a && context.risk > 1 };`)
    expect(rules).toMatchObject([{ reads: ["a"], facts: ["risk"] }])
  })

  const facts: readonly (readonly [condition: string, facts: readonly string[] | undefined])[] = [
    ["context.risk < 50", ["risk"]],
    ["context has other && context.other.a.b == 1", ["other", "other.a"]],
    ["context has other.a", ["other.a"]],
    ["principal in resource && [1].contains(context.other.a)", ["other.a"]],
    ['context["other"]["a"] like "*"', ["other.a"]],
    ["(if true then context else context).risk == 1", ["*"]],
    ["context == context", ["*"]],
    ["{ other: 1 }.other == 1 && context.arguments.a == 1", undefined],
    ["context has arguments", undefined],
  ]
  test.each(facts)("of other facts: %s", (condition, read) => {
    expect(when(condition).rules.map((rule) => rule.facts)).toEqual([read])
  })
})

describe("problems", () => {
  const at = (line: number, column: number, severity: "error" | "warning" = "error") => ({
    file: "a.cedar",
    line,
    column,
    severity,
  })

  const cases: readonly (readonly [what: string, text: string, problem: object])[] = [
    ["no @id", `\n  ${PERMIT};`, { ...at(2, 3), message: "the rule has no @id", fix: 'write @id("…") before it' }],
    ["@id without a value", `@id ${PERMIT};`, { ...at(1, 1), message: "the rule has no @id" }],
    [
      "an @id for terminals to stumble over",
      `@id("a\\n") ${PERMIT};`,
      { ...at(1, 1), message: '@id("a\\n") is no name' },
    ],
    [
      "@id twice",
      `@id("r") ${PERMIT};\n@id("r") ${PERMIT};`,
      { ...at(2, 1), message: '@id("r") names the rule at a.cedar:1 too', fix: "give it an @id of its own" },
    ],
    [
      "@message on a permit",
      `@id("r") @message("x") ${PERMIT};`,
      { ...at(1, 1), message: '@message of rule "r" is never shown: a permit denies no call' },
    ],
    ...[
      ["a line break", "a\\nb"],
      ["an escape of the terminal", "\\u{1b}[31m"],
      ["a reversed order of letters", "a\\u{202e}b"],
      ["301 characters", "x".repeat(301)],
      ["a blank at its end", "a "],
      ["nothing", ""],
    ].map(
      ([what, message]) =>
        [
          `@message with ${what}`,
          `@id("r") @message("${message}") forbid (principal, action, resource);`,
          {
            ...at(1, 1),
            message: '@message of rule "r" cannot be shown to agents',
            fix: "write a sentence of at most 300 characters on one line",
          },
        ] as const,
    ),
    [
      "@remedy on a permit",
      `@id("r") @remedy("x") ${PERMIT};`,
      { ...at(1, 1), message: '@remedy of rule "r" lifts nothing' },
    ],
    ["a syntax error", `\n@id("é\u{1F600}") permit (principal, action resource);`, at(2, 38)],
    [
      "a wrong condition",
      `@id("r") ${PERMIT}\nwhn { true };`,
      { ...at(2, 1), message: expect.stringContaining("whn") },
    ],
    [
      "an integer beyond 64 bits",
      `@id("r") ${PERMIT} when { context.risk == 9223372036854775808 };`,
      { ...at(1, 70), message: expect.stringContaining("9223372036854775808") },
    ],
    [
      "an attribute that the schema lacks, after characters of several bytes",
      `// é\u{1F600}\n@id("r") ${PERMIT}\n  when { "é\u{1F600}é" == context.other.b };`,
      { ...at(3, 20), message: expect.stringMatching(/^attribute `other.b`/) },
    ],
    ...(
      [
        ["text that is matched", 'context.arguments has x && context.arguments.x like "*a"', "x?: String,"],
        ["a number that is compared", "context.arguments.x + 1 > 3", "x?: Long,"],
        [
          "one with decimals",
          'context.arguments has x && context.arguments.x.lessThan(decimal("0.5"))',
          "x?: decimal,",
        ],
        ["one that equals a decimal", 'context.arguments.x == decimal("0.5")', "x?: decimal,"],
        ["a truth value", "context.arguments has x && !context.arguments.x", "x?: Bool,"],
        ["a word of several", 'context.arguments has x && ["a"].contains(context.arguments.x)', "x?: String,"],
        ["a list that has a word", 'context.arguments has x && context.arguments.x.contains("a")', "x?: Set<String>,"],
        ["a list that has a number", "context.arguments.x.containsAny([1, 2])", "x?: Set<Long>,"],
        ["an object", 'context.arguments has x.y && context.arguments.x.y == "a"', "x?: { y?: String },"],
        ["a name that is no word", 'context.arguments["x-y"] == 9007199254740993', '"x-y"?: Long,'],
        ["one of a condition", "if context.arguments has x then context.arguments.x else false", "x?: String,"],
      ] as const
    ).map(
      ([what, condition, line]) =>
        [
          `an argument that the schema lacks: ${what}`,
          `@id("r") ${PERMIT} when { ${condition} };`,
          {
            ...at(1, 1 + `@id("r") ${PERMIT} when { ${condition}`.search(/arguments(?:\.x| has x|\["x)/u)),
            message: `the schema does not declare the argument \`${line.startsWith('"') ? "x-y" : "x"}\``,
            fix: expect.stringContaining(`add the line \`${line}\` to the record of \`arguments\``),
          },
        ] as const,
    ),
    [
      "an argument that is converted",
      `@id("r") ${PERMIT} when { context.arguments has b && decimal(context.arguments.b).lessThan(decimal("1.0")) };`,
      { ...at(1, 81), fix: expect.stringContaining("declare an amount as decimal in schema.cedarschema") },
    ],
    [
      "an optional argument read unasked",
      `@id("r") ${PERMIT} when { context.arguments.a == 1 };`,
      { ...at(1, 54), fix: expect.stringContaining("has a") },
    ],
    [
      "a rule that can never hold",
      `@id("r") ${PERMIT} when { principal is Group };`,
      { ...at(1, 1, "warning"), message: expect.stringContaining("impossible") },
    ],
  ]
  test.each(cases)("%s", (_, text, problem) => {
    const { problems } = lowerOne(text)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatchObject(problem)
    expect(problems[0]?.fix).not.toBe("")
  })

  test("an @id that another file has", () => {
    const files = ["a.cedar", "b.cedar"].map((path) => ({ path, text: `@id("r") ${PERMIT};` }))
    expect(lower(files, SCHEMA).problems).toMatchObject([
      { file: "b.cedar", line: 1, message: expect.stringContaining("a.cedar:1") },
    ])
  })

  test("all at once, in reading order", () => {
    const { problems } = lower(
      [
        { path: "b.cedar", text: "nonsense" },
        { path: "a.cedar", text: `@id("r") ${PERMIT} when { context.nope };\n${PERMIT};` },
      ],
      SCHEMA,
    )
    expect(problems.map(({ file, line }) => [file, line])).toEqual([
      ["b.cedar", 1],
      ["a.cedar", 1],
      ["a.cedar", 2],
    ])
  })

  test("a schema that does not parse, or names what is not there", () => {
    const place = (schema: string) => lowerOne(`@id("r") ${PERMIT};`, schema).problems
    expect(place("entity A;\n// é\u{1F600}\nentity B = { x: };")).toMatchObject([
      { file: "schema.cedarschema", line: 3, column: 17, severity: "error" },
    ])
    expect(place("entity A; /* no */")).toMatchObject([{ file: "schema.cedarschema", line: 1, column: 11 }])
    expect(place("entity A; entity B in [C];")).toMatchObject([
      { file: "schema.cedarschema", line: 1, column: 24, message: expect.stringContaining("C") },
    ])
  })
})
