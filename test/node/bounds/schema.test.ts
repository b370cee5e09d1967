/** JSON Schema as ajv reads it, and regular expressions as the platform and RE2 do; and that none of it takes long. */
import { OutOfWork, Work } from "../../../src/core/encoding/work.ts"
import { Ajv2020 } from "ajv/dist/2020.js"
import fc from "fast-check"
import { RE2JS } from "re2js"
import { describe, expect, test } from "vitest"
import { violation } from "../../harness/bounds.ts"
import { BOUND_KINDS } from "../../../src/core/catalog/bounds/kinds.ts"
import { automatonOf, isFoundIn } from "../../../src/core/catalog/bounds/schema/regular-expression.ts"

/** Milliseconds, of the quickest of some runs: other work of the machine only ever adds to one. */
function quickest(run: () => unknown): number {
  const times = Array.from({ length: 9 }, () => {
    const begin = performance.now()
    run()
    return performance.now() - begin
  })
  return Math.min(...times)
}

const each = (count: number): readonly number[] => Array.from({ length: count }, (_, nth) => nth)

const RUNS = { seed: 20261129, numRuns: 600 }

const name = fc.constantFrom("a", "b", "c")
const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, false, 0, 1, 2, -1, 1.5, 0.3, "", "a", "ab", "b", "é\u{1F600}", "aaa"),
    fc.array(tie("any"), { maxLength: 3 }),
    fc.dictionary(name, tie("any"), { maxKeys: 3, noNullPrototype: true }),
  ),
})).any
const type = fc.constantFrom("null", "boolean", "string", "number", "integer", "array", "object")
const pattern = fc.constantFrom("a", "^a", "b$", "^a*$", "^(a|b)+$", "^[ab]{2}$", "^.$", "")
const count = fc.integer({ min: 0, max: 3 })
const number = fc.constantFrom(-1, 0, 0.1, 1, 1.5, 2)

const schema: fc.Arbitrary<unknown> = fc.letrec((tie) => {
  const some = fc.array(tie("any"), { minLength: 1, maxLength: 3 })
  const map = fc.dictionary(name, tie("any"), { maxKeys: 2, noNullPrototype: true })
  const one = <Value>(each: fc.Arbitrary<Value>) => fc.option(each, { nil: undefined, freq: 4 })
  return {
    any: fc.oneof(
      { depthSize: "small" },
      // In place of true and false, which ajv compiles wrongly beside `contains` and `items`.
      fc.constantFrom({}, { not: {} }),
      fc
        .record({
          type: one(fc.oneof(type, fc.uniqueArray(type, { minLength: 1, maxLength: 3 }))),
          enum: one(fc.array(value, { minLength: 1, maxLength: 3 })),
          const: one(value),
          minimum: one(number),
          maximum: one(number),
          exclusiveMinimum: one(number),
          exclusiveMaximum: one(number),
          multipleOf: one(fc.constantFrom(1, 2, 0.5)),
          minLength: one(count),
          maxLength: one(count),
          pattern: one(pattern),
          minItems: one(count),
          maxItems: one(count),
          uniqueItems: one(fc.boolean()),
          required: one(fc.uniqueArray(name, { maxLength: 2 })),
          minProperties: one(count),
          maxProperties: one(count),
          dependentRequired: one(
            fc.dictionary(name, fc.uniqueArray(name, { maxLength: 2 }), { maxKeys: 1, noNullPrototype: true }),
          ),
          title: one(fc.constant("remark")),
        })
        .map(defined),
      fc
        .record({
          allOf: one(some),
          anyOf: one(some),
          oneOf: one(some),
          not: one(tie("any")),
          if: one(tie("any")),
          prefixItems: one(some),
          items: one(tie("any")),
          properties: one(map),
          patternProperties: one(
            fc.dictionary(fc.constantFrom("^a", "b|c"), tie("any"), { maxKeys: 2, noNullPrototype: true }),
          ),
          additionalProperties: one(tie("any")),
          propertyNames: one(fc.record({ pattern })),
          dependentSchemas: one(map),
        })
        .map(defined),
      fc
        .tuple(tie("any"), tie("any"), tie("any"))
        .map(([test, then, otherwise]) => ({ if: test, then, else: otherwise })),
      fc
        .tuple(tie("any"), fc.integer({ min: 1, max: 3 }), count)
        .map(([contains, minContains, maxContains]) => ({ contains, minContains, maxContains })),
    ),
  }
}).any

/** Null: the code that ajv makes of some schemas reads a variable of a branch that it has left. */
function answerOf(validate: (value: unknown) => unknown, value: unknown): boolean | null {
  try {
    return validate(value) === true
  } catch (error) {
    if (error instanceof ReferenceError) return null
    throw error
  }
}

function defined(all: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(all).filter(([, each]) => each !== undefined))
}

describe("a JSON Schema", () => {
  test("means what it means to ajv", () => {
    const ajv = new Ajv2020({ strict: false, validateSchema: false })
    let [valid, invalid] = [0, 0]
    fc.assert(
      fc.property(schema, fc.array(value, { minLength: 3, maxLength: 6 }), (written, values) => {
        const bound = { schema: { allOf: [written] } }
        if (!BOUND_KINDS.schema.definition.safeParse(bound.schema).success) return
        const validate = ajv.compile(bound.schema)
        for (const each of values) {
          const expected = answerOf(validate, each)
          if (expected === null) continue
          if (expected) valid += 1
          else invalid += 1
          const found = violation([{ a: bound }], { a: each }, null)
          expect(found === null, `${JSON.stringify(bound.schema)} on ${JSON.stringify(each)}: ${found?.bound}`).toBe(
            expected,
          )
        }
        ajv.removeSchema()
      }),
      RUNS,
    )
    expect(Math.min(valid, invalid)).toBeGreaterThan(300)
  }, 60_000)

  test("may be true or false wherever a schema may stand", () => {
    const holds = (written: object, a: unknown): boolean =>
      violation([{ a: { schema: written } }], { a }, null) === null
    expect(holds({ properties: { a: false, b: true } }, { b: 1 })).toBe(true)
    expect(holds({ properties: { a: false, b: true } }, { a: 1 })).toBe(false)
    expect(holds({ additionalProperties: false }, { a: 1 })).toBe(false)
    expect(holds({ items: false }, [])).toBe(true)
    expect(holds({ prefixItems: [true], items: false }, [1, 2])).toBe(false)
    expect(holds({ contains: false }, [])).toBe(false)
    expect(holds({ contains: true }, [1])).toBe(true)
    expect(holds({ not: false }, 1)).toBe(true)
  })

  test("refers to its own definitions", () => {
    const written = { $defs: { price: { type: "number", maximum: 5 } }, properties: { a: { $ref: "#/$defs/price" } } }
    expect(violation([{ x: { schema: written } }], { x: { a: 5 } }, null)).toBeNull()
    expect(violation([{ x: { schema: written } }], { x: { a: 6 } }, null)?.bound).toContain("/$defs/price/maximum")
  })

  const definition = BOUND_KINDS.schema.definition
  const deep = (depth: number): object => (depth === 0 ? {} : { items: deep(depth - 1) })
  test.each<readonly [string, object]>([
    ["a keyword that is not known", { maximun: 5 }],
    ["a format", { type: "string", format: "email" }],
    ["another document", { $ref: "https://example.org/schema.json" }],
    ["a place that is no definition", { $ref: "#/properties/a", properties: { a: {} } }],
    ["itself", { $defs: { a: { items: { $ref: "#/$defs/a" } } }, $ref: "#/$defs/a" }],
    ["a circle", { $defs: { a: { $ref: "#/$defs/b" }, b: { not: { $ref: "#/$defs/a" } } }, $ref: "#/$defs/a" }],
    ["another dialect", { $schema: "http://json-schema.org/draft-04/schema#" }],
    ["definitions below the top", { items: { $defs: {} } }],
    ["a base", { $id: "https://example.org/" }],
    ["too deep", deep(17)],
    ["too long", { enum: ["a".repeat(20_000)] }],
    [
      "a wide one by references",
      {
        $defs: Object.fromEntries(
          Array.from({ length: 12 }, (_, nth) => [
            `d${nth}`,
            nth === 11 ? {} : { allOf: [{ $ref: `#/$defs/d${nth + 1}` }, { $ref: `#/$defs/d${nth + 1}` }] },
          ]),
        ),
        $ref: "#/$defs/d0",
      },
    ],
    ["a pattern that looks ahead", { pattern: "(?=a)b" }],
    ["a pattern that looks back", { pattern: "(?<!a)b" }],
    ["a pattern that refers back", { pattern: "(a)\\1" }],
    ["a boundary", { pattern: "\\ba" }],
    ["a pattern that is none", { pattern: "(" }],
    ["a pattern of too many steps", { pattern: "(a{100}){100}" }],
    ["nothing, too often", { pattern: "(){99999999}" }],
    ["a number that is none", { minimum: "1" }],
    ["a negative count", { minLength: -1 }],
    ["then without if", { then: {} }],
    ["no types", { type: "text" }],
    ["an empty choice", { anyOf: [] }],
    ["a divisor of 0", { multipleOf: 0 }],
  ])("may not have %s", (_what, written) => {
    expect(definition.safeParse(written).success).toBe(false)
  })

  test.each<readonly [string, object, unknown]>([
    ["a length", { minLength: 9_999_999 }, "x".repeat(250_000)],
    ["unique items", { uniqueItems: true }, Array.from({ length: 2_000 }, (_, nth) => `${"x".repeat(100)}${nth}`)],
    ["an object that is compared", { const: { a: 1 } }, Object.fromEntries(each(4_000).map((nth) => [`k${nth}`, nth]))],
  ])("that names %s hundreds of times takes too long", (_what, schema, value) => {
    const often = { anyOf: [...each(180).map(() => schema), true] }
    expect(() => violation([{ a: { schema: often } }], { a: value }, null)).toThrow(OutOfWork)
  })

  test("compares no more of a value than it names itself", () => {
    const value = each(4_900).map((nth) => `${"x".repeat(50)}${nth}`)
    const often = { a: { schema: { anyOf: [...each(290).map(() => ({ const: 1 })), { enum: [[2]] }, true] } } }
    const once = quickest(() => JSON.stringify(value))
    expect(quickest(() => expect(violation([often], { a: value }, null)).toBeNull())).toBeLessThan(100 * once)
  })

  test("does not take its time for each argument anew", () => {
    const names = each(10).map((nth) => `a${nth}`)
    const slow = Object.fromEntries(names.map((name) => [name, { schema: { pattern: "(a|b){1,100}z" } }]))
    const some = Object.fromEntries(names.map((name) => [name, `${"a".repeat(150)}z`]))
    expect(violation([{ a0: slow["a0"] ?? {} }], some, null)).toBeNull()
    expect(() => violation([slow], some, null)).toThrow(OutOfWork)
  })

  test("that takes too long for a value gives no answer, nor does its negation", () => {
    const list = Array.from({ length: 5_000 }, (_, nth) => nth)
    const wide = { items: { anyOf: [...Array.from({ length: 60 }, () => ({ const: -1 })), {}] } }
    expect(() => violation([{ a: { schema: wide } }], { a: list }, null)).toThrow(OutOfWork)
    expect(() => violation([{ a: { schema: { not: wide } } }], { a: list }, null)).toThrow(OutOfWork)
  })
})

describe("a regular expression", () => {
  const atom = fc.constantFrom(
    "a",
    "b",
    ".",
    "[ab]",
    "[^a]",
    "\\d",
    "\\w",
    "\\s",
    "(?:a|b)",
    "(ab)",
    "\\u{1F600}",
    "é",
    "\\p{L}",
    "\\.",
    "[a-c\\d]",
    "^",
    "$",
    "\\ud83d\\ude00",
  )
  const sign = fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,}", "*?", "+?", "{0}")
  const term = fc.tuple(atom, sign).map(([one, times]) => (one === "^" || one === "$" ? one : one + times))
  const written = fc
    .array(
      fc.array(term, { maxLength: 4 }).map((terms) => terms.join("")),
      { minLength: 1, maxLength: 3 },
    )
    .chain((all) =>
      fc.constantFrom(all.join("|"), `^(?:${all.join("|")})$`, `(${all.join("|")})+`, `^(?:${all.join("|")}){1,3}`),
    )
  const text = fc
    .array(fc.constantFrom("a", "b", "c", "1", " ", "é", "\u{1F600}", ".", "\n", "ab"), { maxLength: 6 })
    .map((all) => all.join(""))

  test("matches what the platform's matches, and RE2", () => {
    let matched = 0
    fc.assert(
      fc.property(written, fc.array(text, { minLength: 4, maxLength: 4 }), (pattern, texts) => {
        const automaton = automatonOf(pattern)
        const platform = new RegExp(pattern, "u")
        // RE2 knows no code points in braces after \\u, and other blanks behind \\s.
        const re2 = /\\[us]/.test(pattern) ? null : RE2JS.compile(pattern)
        for (const each of texts) {
          const found = isFoundIn(automaton, each, new Work(Infinity))
          if (found) matched += 1
          expect(found, `${pattern} in ${JSON.stringify(each)}`).toBe(platform.test(each))
          if (re2) expect(found, `${pattern} in ${JSON.stringify(each)}`).toBe(re2.matcher(each).find())
        }
      }),
      RUNS,
    )
    expect(matched).toBeGreaterThan(300)
  })

  test.each(["(a+)+$", "(a|aa)+$", "(.*a){12}$", "^(([a-z])+.)+[A-Z]([a-z])+$", "(a*)*b", "(a?){20}a{20}", "(x+x+)+y"])(
    "%s takes work in proportion to the text",
    (pattern) => {
      const automaton = automatonOf(pattern)
      const stepsFor = (length: number): number => {
        const work = new Work(Infinity)
        isFoundIn(automaton, `${"a".repeat(length)}!`, work)
        return work.spent
      }
      expect(stepsFor(1_000)).toBeLessThanOrEqual((20 + 6 * automaton.length) * 1_002)
      expect(stepsFor(20_000)).toBeLessThanOrEqual(21 * stepsFor(1_000))
    },
  )

  test("becomes an automaton in a time in proportion to its length", () => {
    const timeOf = (most: number): number =>
      quickest(() => {
        for (let nth = 0; nth < 20; nth += 1) automatonOf(`a{0,${most}}b{${most}}`)
      })
    // The square would be 64 times as much.
    expect(timeOf(320)).toBeLessThan(32 * timeOf(40))
  })

  test("stops when its work is used up", () => {
    const work = new Work(1_000)
    expect(() => isFoundIn(automatonOf("(a*)*b"), "a".repeat(100_000), work)).toThrow(OutOfWork)
    expect(work.spent).toBeLessThan(1_100)
  })
})
