/** An import claims of a route's argument the type that rules then see, and none that it does not have on arrival. */
import { describe, expect, it } from "vitest"
import { declaredDecimals } from "../../../cli/compiler/model/decimals.ts"
import type { FoundTool } from "../../../cli/import/found-tools.ts"
import { readDocument } from "../../../cli/import/openapi/document.ts"
import { declarationsOf, memberLines } from "../../../cli/import/schema-text.ts"
import { buildCatalog, locate } from "../../../src/core/catalog/locate.ts"
import type { Tool } from "../../../src/core/catalog/tool.ts"
import { MeteredArguments } from "../../../src/core/catalog/arguments.ts"
import { Work } from "../../../src/core/encoding/work.ts"
import { argumentDecimals, argumentFacts } from "../../../src/core/decision/context.ts"
import { isDenied } from "../../../src/core/denials/denial.ts"
import { isDecimal } from "../../../src/core/policy/cedar/values/json-number.ts"
import { CedarSet, entity, type Value } from "../../../src/core/policy/cedar/values/value.ts"

const ORIGIN = "https://api.test"
const NO_MEMBERS: ReadonlySet<string> = new Set()

const query = (name: string, more: object) => ({ name, in: "query", ...more })
const money = { $ref: "#/components/schemas/Money" }
const components = { schemas: { Money: { type: "number" }, Order: { type: "object", properties: { amount: money } } } }
const json = (schema: object, type = "application/json") => ({ content: { [type]: { schema } } })
const members = (properties: object) => ({ type: "object", properties })

/** A document of one operation. */
function toolIn(path: string, operation: object): FoundTool {
  const document = {
    openapi: "3.0.3",
    info: { title: "T", version: "1" },
    paths: { [path]: { post: { operationId: "one", ...operation } } },
    components,
  }
  const read = readDocument({ file: "t.json", text: JSON.stringify(document), prefix: "t", origin: ORIGIN })
  if ("message" in read) throw new Error(read.message)
  const [tool] = read.found.tools
  if (!tool) throw new Error(JSON.stringify(read.found.skipped))
  return tool
}

/** What rules see of a request, by name; text: why they see nothing. */
function seenOf(found: FoundTool, target: string, body: string): ReadonlyMap<string, Value> | string {
  const { name, mark, inputs } = found
  if (mark.kind !== "route") throw new Error("no route")
  const tool: Tool = {
    name,
    server: "t",
    action: "write",
    sensitivity: "internal",
    labels: [],
    groups: [],
    cost: 1,
    redact: [],
  }
  const catalog = buildCatalog(new Map([[name, tool]]), [], [{ ...mark, tool: name }])
  const headers = {
    contentType: "application/json",
    mcpProtocolVersion: null,
    mcpMethod: null,
    mcpName: null,
    lastEventId: null,
  }
  const request = { origin: ORIGIN, method: "POST", target, headers, body: { kind: "whole", text: body } } as const
  const located = locate(catalog, request)
  if (isDenied(located)) return located.denied.reason
  const lines = memberLines(declarationsOf([{ name, inputs }]))
  const schema = `entity A; type Arguments = {\n${lines.join("\n")}\n};
    action write appliesTo { principal: A, resource: A, context: { arguments: Arguments } };`
  const decimals = argumentDecimals({ decimals: declaredDecimals(schema) }, entity("Action", "write"))
  const typed = Array.from(inputs, ([argument, { type }]) => (type === null ? [] : [argument])).flat()
  const facts = argumentFacts(new MeteredArguments(located.arguments, new Work()), new Set(typed), NO_MEMBERS, decimals)
  return isDenied(facts) ? facts.denied.reason : facts
}

function typeOf(value: Value | undefined): string {
  if (typeof value === "string") return "String"
  if (typeof value === "bigint") return "Long"
  if (typeof value === "boolean") return "Bool"
  if (isDecimal(value)) return "decimal"
  if (value instanceof CedarSet) return `Set<${typeOf([...value.members.values()][0])}>`
  if (!(value instanceof Map)) return "none"
  return `{ ${Array.from(value, ([name, each]) => `${name}?: ${typeOf(each)}`).join(", ")} }`
}

interface Arrival {
  readonly what: string
  readonly path?: string
  readonly operation?: object
  readonly target: string
  readonly body?: string
  /** Of the argument `a`. */
  readonly type: string
}

const ARRIVALS: readonly Arrival[] = [
  ...(
    [
      ["an integer", { type: "integer" }, "7", "Long"],
      ["an integer or null", { type: "integer", nullable: true }, "7", "String"],
      ["an integer or text", { anyOf: [{ type: "integer" }, { type: "string" }] }, "7", "String"],
      ["one of two integers", { enum: [1, 2] }, "1", "String"],
      ["a number", { type: "number" }, "49.99", "decimal"],
      ["a number of another name", money, "49.99", "decimal"],
      ["a truth value", { type: "boolean" }, "true", "String"],
      ["text", { type: "string", format: "date" }, "2026-01-01", "String"],
      ["a list", { type: "array", items: { type: "integer" } }, "1,2", "String"],
      ["an object", members({ b: { type: "integer" } }), "b,1", "String"],
      ["anything", {}, "x", "String"],
    ] as const
  ).map(([what, schema, text, type]) => ({
    what: `${what} in a path`,
    path: "/x/{a}",
    operation: { parameters: [{ name: "a", in: "path", required: true, schema }] },
    target: `/x/${text}`,
    type,
  })),
  { what: "what the document does not describe, in a path", path: "/x/{a}", target: "/x/7", type: "String" },
  ...(
    [
      ["an integer", { schema: { type: "integer" } }, "7", "Long"],
      ["an integer or null", { schema: { type: "integer", nullable: true } }, "7", "String"],
      ["a number", { schema: { type: "number" } }, "49.99", "decimal"],
      ["a truth value", { schema: { type: "boolean" } }, "true", "String"],
      ["text", { schema: { type: "string" } }, "x", "String"],
      ["a list", { schema: { type: "array", items: { type: "number" } } }, "1", "String"],
      ["a list with commas", { explode: false, schema: { type: "array", items: { type: "number" } } }, "1,2", "String"],
      ["an object with commas", { explode: false, schema: members({ b: { type: "string" } }) }, "b,x", "String"],
      ["JSON", { content: { "application/json": { schema: { type: "object" } } } }, "%7B%7D", "String"],
    ] as const
  ).map(([what, more, text, type]) => ({
    what: `${what} in a query`,
    operation: { parameters: [query("a", more)] },
    target: `/x?a=${text}`,
    type,
  })),
  ...(
    [
      ["an integer", { type: "integer" }, "7", "Long"],
      ["an integer or null", { type: "integer", nullable: true }, "7", "Long"],
      ["a number", money, "49.99", "decimal"],
      ["a truth value", { type: "boolean" }, "true", "Bool"],
      ["text", { type: "string" }, '"x"', "String"],
      ["a list", { type: "array", items: { type: "integer" } }, "[1,2]", "Set<Long>"],
      [
        "a list of objects",
        { type: "array", items: { $ref: "#/components/schemas/Order" } },
        '[{"amount":1.5}]',
        "Set<{ amount?: decimal }>",
      ],
      ["an object", { $ref: "#/components/schemas/Order" }, '{"amount":1.5}', "{ amount?: decimal }"],
    ] as const
  ).map(([what, schema, text, type]) => ({
    what: `${what} in a body`,
    operation: { requestBody: json(members({ a: schema })) },
    target: "/x",
    body: `{"a":${text}}`,
    type,
  })),
  {
    what: "a member of a patch",
    operation: { requestBody: json(members({ a: { type: "integer" } }), "application/merge-patch+json") },
    target: "/x",
    body: '{"a":1}',
    type: "Long",
  },
  {
    what: "of one type in a query and a body",
    operation: { parameters: [query("a", { schema: { type: "number" } })], requestBody: json(members({ a: money })) },
    target: "/x",
    body: '{"a":1.5}',
    type: "decimal",
  },
  {
    what: "in a path and, of another type, in a body: only the path's ever arrives",
    path: "/x/{a}",
    operation: { requestBody: json(members({ a: { type: "boolean" } })) },
    target: "/x/7",
    type: "String",
  },
]

describe("an argument arrives with the type that is claimed", () => {
  it.each(ARRIVALS)("$what: $type", ({ path = "/x", operation = {}, target, body = "", type }) => {
    const tool = toolIn(path, operation)
    expect(tool.inputs.get("a")?.type).toBe(type)
    const seen = seenOf(tool, target, body)
    expect(typeof seen === "string" ? seen : typeOf(seen.get("a"))).toBe(type)
  })
})

it("a name in a path that no argument can have is that of the route", () => {
  const tool = toolIn("/x/{a-b}", { parameters: [{ name: "a-b", in: "path", schema: { type: "number" } }] })
  expect(Array.from(tool.inputs, ([name, { type }]) => [name, type])).toEqual([["a_b", "decimal"]])
  const seen = seenOf(tool, "/x/1.5", "")
  expect(typeof seen === "string" ? seen : typeOf(seen.get("a_b"))).toBe("decimal")
})

describe("no type is claimed of", () => {
  it.each([
    [
      "an object whose members are parameters of their own",
      { parameters: [query("a", { schema: members({ b: { type: "string" } }) })] },
    ],
    [
      "an object in brackets",
      { parameters: [query("a", { style: "deepObject", schema: members({ b: { type: "string" } }) })] },
    ],
    ["an object of which nothing is declared", { parameters: [query("a", { schema: { type: "object" } })] }],
    [
      "what may be such an object",
      { parameters: [query("a", { schema: { oneOf: [{ type: "string" }, members({})] } })] },
    ],
    [
      "two types, in a query and a body",
      {
        parameters: [query("a", { schema: { type: "integer" } })],
        requestBody: json(members({ a: { type: "string" } })),
      },
    ],
    [
      "two types, in two bodies",
      {
        requestBody: {
          content: {
            ...json(members({ a: { type: "integer" } })).content,
            ...json(members({ a: { type: "boolean" } }), "application/merge-patch+json").content,
          },
        },
      },
    ],
    ["a member of a body of two types", { requestBody: json(members({ a: { type: ["string", "integer"] } })) }],
  ])("%s", (_what, operation) => {
    const { inputs } = toolIn("/x", operation)
    expect(inputs.get("a")).toMatchObject({ type: null, left: [{ path: "a" }] })
    expect(memberLines(declarationsOf([{ name: "t.one", inputs }])).at(-1)).toMatch(/^ {2}\/\/ {3}a of t\.one: .+/u)
  })

  it.each([
    ["a header", { parameters: [{ name: "a", in: "header", schema: { type: "integer" } }] }],
    ["a cookie", { parameters: [{ name: "a", in: "cookie", schema: { type: "integer" } }] }],
    [
      "a field of a form",
      { requestBody: json(members({ a: { type: "string" } }), "application/x-www-form-urlencoded") },
    ],
    ["a member of an element", { requestBody: json({ type: "array", items: members({ a: { type: "string" } }) }) }],
    ["a name that no argument has", { parameters: [query("a[]", { schema: { type: "string" } })] }],
  ])("%s, which is no argument", (_what, operation) => {
    expect(toolIn("/x", operation).inputs).toEqual(new Map())
  })
})
