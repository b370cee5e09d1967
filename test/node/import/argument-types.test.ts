/** What an input schema says of arguments becomes what schema.cedarschema can say, and nothing else. */
import fc from "fast-check"
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { checkParseSchema } from "@cedar-policy/cedar-wasm/nodejs"
import { describe, expect, it } from "vitest"
import { argumentTypes } from "../../../cli/import/argument-types.ts"
import { declarationsOf, memberLines, withArguments } from "../../../cli/import/schema-text.ts"

const typesOf = (properties: Readonly<Record<string, unknown>>, more: object = {}) =>
  argumentTypes({ type: "object", properties, ...more })
const typeOf = (schema: unknown, more?: object) => typesOf({ a: schema }, more).get("a")

describe("an argument", () => {
  const nested = { type: "object", properties: { "x-y": { type: "integer" }, in: { type: "number" } } }
  it.each<[string, unknown, string]>([
    ["text", { type: "string", format: "date" }, "String"],
    ["a whole number", { type: "integer" }, "Long"],
    ["a number", { type: "number" }, "decimal"],
    ["a number or a whole number", { type: ["integer", "number"] }, "decimal"],
    ["a truth value", { type: "boolean" }, "Bool"],
    ["a list", { type: "array", items: { type: "string" } }, "Set<String>"],
    ["an object", nested, '{ "x-y"?: Long, "in"?: decimal }'],
    ["a list of objects", { type: "array", items: nested }, 'Set<{ "x-y"?: Long, "in"?: decimal }>'],
    ["text or null", { type: ["string", "null"] }, "String"],
    ["text or null, as Python's libraries write it", { anyOf: [{ type: "string" }, { type: "null" }] }, "String"],
    ["text in two forms", { oneOf: [{ type: "string", format: "date" }, { type: "string" }] }, "String"],
    ["one of several words", { enum: ["a", "b", null] }, "String"],
    ["one number", { const: 5 }, "Long"],
    ["what a reference leads to", { $ref: "#/$defs/A~1b" }, "Long"],
    ["all of one", { allOf: [{ $ref: "#/$defs/A~1b" }] }, "Long"],
  ])("that is %s", (_what, schema, type) => {
    expect(typeOf(schema, { $defs: { "A/b": { type: "integer" } } })).toEqual({ type, left: [] })
  })

  it.each<[string, unknown, string]>([
    ["anything", {}, "of no type that the server states"],
    ["true", true, "of no type that the server states"],
    ["only null", { type: "null" }, "of no type that the server states"],
    ["of two types", { type: ["string", "integer"] }, "of several types"],
    ["of two forms", { anyOf: [{ type: "string" }, { type: "integer" }] }, "of several types"],
    ["an object with any members", { type: "object" }, "an object whose members are not declared"],
    ["a list of anything", { type: "array" }, "of no type that the server states"],
    ["a reference to nothing", { $ref: "#/$defs/none" }, "of no type that the server states"],
    ["a reference to another document", { $ref: "https://x.example/a" }, "of no type that the server states"],
    ["a circle", { $ref: "#/properties/a" }, "of a type that leads to itself"],
  ])("that is %s has no type", (_what, schema, why) => {
    const found = typeOf(schema)
    expect(found).toMatchObject({ type: null })
    expect(found?.left.map((each) => each.why)).toEqual([why])
  })

  it("that nests is read to four levels, and what is deeper is left out by its path", () => {
    const deep = (levels: number): object =>
      levels === 0 ? { type: "string" } : { type: "object", properties: { b: deep(levels - 1), c: { type: "string" } } }
    const { type, left } = typeOf(deep(6)) ?? { type: "", left: [] }
    expect(type).toBe("{ b?: { b?: { b?: { c?: String }, c?: String }, c?: String }, c?: String }")
    expect(left).toEqual([{ path: "a.b.b.b.b", why: "lists and objects that nest deeper" }])
  })
})

it("arguments of one name have one type, or none", () => {
  const tools = [
    { name: "m.a", inputs: typesOf({ id: { type: "string" }, to: { type: "string" } }) },
    { name: "m.b", inputs: typesOf({ id: { type: "integer" }, to: { type: "string" } }) },
  ]
  const declarations = declarationsOf(tools)
  expect([...declarations.types]).toEqual([["to", "String"]])
  expect(declarations.left).toEqual(["id: String in m.a, Long in m.b"])
})

const json = fc.letrec<{ schema: unknown }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.record({ type: fc.constantFrom("string", "integer", "number", "boolean", "null", "x") }),
    fc.record({ type: fc.constant("array"), items: tie("schema") }),
    fc.record({ type: fc.constant("object"), properties: fc.dictionary(fc.string({ unit: "binary" }), tie("schema")) }),
    fc.record({ anyOf: fc.array(tie("schema"), { maxLength: 3 }) }),
    fc.jsonValue(),
  ),
})).schema
const example = await readFile(join(import.meta.dirname, "../../../policies/schema.cedarschema"), "utf8")

it("whatever a server says, the schema parses, and declares what it did before", () => {
  let added = 0
  fc.assert(
    fc.property(fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("to", "in", "a", "b-c")), json), (properties) => {
      const tools = [{ name: "m.a", inputs: typesOf(properties) }]
      const lines = memberLines(declarationsOf(tools))
      expect(lines.flatMap((line) => line.split(/[\n\r\u2028\u2029]/u))).toEqual(lines)
      for (const before of [example, example.replace("  amount?: Long,\n", "  amount?: Long // cents\n")]) {
        const { text, diff } = withArguments(before, tools)
        expect(checkParseSchema(text)).toMatchObject({ type: "success" })
        expect(text.replaceAll(/\n {2}\/\/ .*|,/gu, "")).toContain("  amount?: Long")
        added += Number(diff !== "")
      }
    }),
    { seed: 20261202, numRuns: 300 },
  )
  expect(added).toBeGreaterThan(100)
})

it.each([
  ["type Arguments = {};", "type Arguments = {\n  a?: String,\n};"],
  ["type Arguments = { b?: Long };", "type Arguments = { b?: Long, \n  a?: String,\n};"],
  ['type Arguments = {\n  "}"?: Long // } {\n};', 'type Arguments = {\n  "}"?: Long, // } {\n  a?: String,\n};'],
  [
    "type X = {}; type Arguments = { b?: { c?: Long }, }; type Y = {};",
    "type X = {}; type Arguments = { b?: { c?: Long }, \n  a?: String,\n}; type Y = {};",
  ],
])("a schema that is written as %s", (before, after) => {
  expect(withArguments(before, [{ name: "m.a", inputs: typesOf({ a: { type: "string" } }) }]).text).toBe(after)
})

it.each(["entity A;", "namespace N { type Arguments = {}; }", "type Arguments = Long;", "type Arguments = {"])(
  "a schema without them stays as it is: %s",
  (before) => {
    const { text, diff, notes } = withArguments(before, [{ name: "m.a", inputs: typesOf({ a: { type: "string" } }) }])
    expect([text, diff, notes.length]).toEqual([before, "", 1])
  },
)
