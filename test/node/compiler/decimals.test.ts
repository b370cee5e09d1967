/** Amounts with decimals: which arguments are decimals says the schema, and the digits that were sent count. */
import { isAuthorized } from "@cedar-policy/cedar-wasm/nodejs"
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { declaredDecimals } from "../../../cli/compiler/model/decimals.ts"
import { lower } from "../../../cli/compiler/rules/lower.ts"
import { violation } from "../../harness/bounds.ts"
import { MeteredArguments } from "../../../src/core/catalog/arguments.ts"
import { Work } from "../../../src/core/encoding/work.ts"
import { unitsOf } from "../../../src/core/guardrails/amount.ts"
import { argumentDecimals, argumentFacts } from "../../../src/core/decision/context.ts"
import { isDenied } from "../../../src/core/denials/denial.ts"
import { readCallJson, isObject } from "../../../src/core/encoding/json.ts"
import { compileRules } from "../../../src/core/policy/cedar/engine.ts"
import { entityStore } from "../../../src/core/policy/cedar/entities.ts"
import { decimalText, isDecimal } from "../../../src/core/policy/cedar/values/json-number.ts"
import { entity, record, type Value } from "../../../src/core/policy/cedar/values/value.ts"

describe("the schema says which arguments are decimals", () => {
  const schema = (args: string, more = "") => `
    entity Agent; entity Tool; ${more}
    type Call = { arguments: ${args}, risk: Long };
    action read, write appliesTo { principal: Agent, resource: Tool, context: Call };`

  test.each<[what: string, args: string, more: string, decimals: object]>([
    ["directly", "{ a?: decimal, b?: Long, c?: __cedar::decimal }", "", { a: "decimal", c: "decimal" }],
    [
      "within records and sets",
      "{ a?: Set<decimal>, b?: { c?: Set<{ d?: decimal, e?: String }> } }",
      "",
      { a: { each: "decimal" }, b: { members: { c: { each: { members: { d: "decimal" } } } } } },
    ],
    ["by a name", "Args", "type Args = { a?: Money }; type Money = decimal;", { a: "decimal" }],
    [
      "by a name of another namespace, which means what it means there",
      "{ a?: N::Money, b?: N::Other }",
      "namespace N { type Money = decimal; type Other = Entry; entity Entry; } entity Entry2;",
      { a: "decimal" },
    ],
    ["not where the name means something else", "{ a?: decimal }", "type decimal = Long;", {}],
    ["not an entity of that name", "{ a?: decimal, b?: __cedar::decimal }", "entity decimal;", { b: "decimal" }],
  ])("%s", (_what, args, more, decimals) => {
    const { contexts } = declaredDecimals(schema(args, more))
    const members = { arguments: { members: decimals } }
    const declared = Object.keys(decimals).length === 0 ? {} : { 'Action::"read"': members, 'Action::"write"': members }
    expect(contexts).toEqual(declared)
  })

  test("each action has its own, and a schema that does not parse has none", () => {
    const two = `entity A; entity T;
      action read appliesTo { principal: A, resource: T, context: { arguments: { a?: decimal } } };
      action write appliesTo { principal: A, resource: T, context: { arguments: { a?: Long } } };`
    expect(declaredDecimals(two).contexts).toEqual({ 'Action::"read"': { arguments: { members: { a: "decimal" } } } })
    expect(declaredDecimals("entity")).toEqual({ contexts: {}, attributes: {} })
  })

  test("actions and types of other namespaces have theirs", () => {
    const { contexts, attributes } = declaredDecimals(`
      type Price = decimal;
      entity Thing { price?: Price };
      namespace Shop {
        type Tag = { price?: Price };
        entity Item = { tags?: Set<Tag>, weight?: Long }; entity Bag; entity Colour enum ["red"];
        action "buy now" appliesTo { principal: Bag, resource: Item, context: { paid?: Price } };
        action look appliesTo { principal: Bag, resource: Item };
      }`)
    expect(contexts).toEqual({ 'Shop::Action::"buy now"': { paid: "decimal" } })
    expect(attributes).toEqual({
      Thing: { price: "decimal" },
      "Shop::Item": { tags: { each: { members: { price: "decimal" } } } },
    })
  })
})

test.each(["> 20", "== 20"])("a rule that compares a decimal as a whole number learns how: %s", (comparison) => {
  const text = `@id("above") forbid (principal, action, resource)
    when { context.arguments has amount && context.arguments.amount ${comparison} };`
  const { problems } = lower([{ path: "a.cedar", text }], SCHEMA)
  expect(problems).toMatchObject([{ severity: "error", fix: expect.stringContaining('.lessThan(decimal("20.0"))') }])
})

const SCHEMA = `
entity Agent; entity Tool;
action read appliesTo { principal: Agent, resource: Tool, context: { arguments: { amount?: decimal } } };
`
const LIMIT = "49.99"
const RULES = `
@id("all") permit (principal, action, resource);
@id("above") forbid (principal, action, resource)
when { context.arguments has amount && context.arguments.amount.greaterThan(decimal("${LIMIT}")) };
`
const READS = new Set(["amount"])
const NO_MEMBERS: ReadonlySet<string> = new Set()
const DECIMALS = argumentDecimals({ decimals: declaredDecimals(SCHEMA) }, entity("Action", "read"))

/** As the call's body is read; undefined if it is rejected, or if nothing of it may be judged. */
function amountOf(number: string): Value | undefined {
  const body = readCallJson(`{"amount":${number}}`)
  if ("objection" in body || !body.isExact || !isObject(body.json)) return undefined
  const facts = argumentFacts(
    new MeteredArguments({ complete: true, values: body.json }, new Work()),
    READS,
    NO_MEMBERS,
    DECIMALS,
  )
  return isDenied(facts) ? undefined : facts.get("amount")
}

function textOf(number: string): string | undefined {
  const value = amountOf(number)
  return isDecimal(value) ? decimalText(value) : undefined
}

describe("the digits that were sent", () => {
  test.each([
    ["49.99", "49.99"],
    ["49.990", "49.99"],
    ["4.999e1", "49.99"],
    ["499900E-4", "49.99"],
    ["49", "49.0"],
    ["4.9e1", "49.0"],
    ["-0", "0.0"],
    ["-0.0", "0.0"],
    ["0.0001", "0.0001"],
    ["1e-4", "0.0001"],
    ["-12.5", "-12.5"],
    ["99999999999.9999", "99999999999.9999"],
    ["922337203685477", "922337203685477.0"],
  ])("%s is %s", (number, text) => expect(textOf(number)).toBe(text))

  test.each([
    ["a fifth digit", "0.00001"],
    ["a fifth digit with an exponent", "1e-5"],
    ["more than a decimal holds", "922337203685478"],
    ["less than a decimal holds", "-922337203685478"],
    ["digits that a double does not hold", "49.990000000000000001"],
    ["the greatest decimal, which no double holds", "922337203685477.5807"],
    ["an integer beyond 2^53", "9007199254740993"],
    ["null", "null"],
  ])("%s is no decimal", (_what, number) => expect(amountOf(number)).toBeUndefined())

  test.each([
    ["49.99", "49.99"],
    ["49", "49.0"],
    ["-0.50", "-0.5"],
    ["12345678901.2345", "12345678901.2345"],
  ])("a text counts if all readers read it alike: %s", (text, decimal) => {
    expect(textOf(JSON.stringify(text))).toBe(decimal)
  })

  test.each([
    "049.99",
    "+1",
    "1e1",
    "1,5",
    "1.",
    ".5",
    " 1",
    "1 ",
    "0x1f",
    "1_000",
    "٤٩",
    "４９",
    "NaN",
    "",
    "1.00001",
    "123456789012.3456",
  ])("a text that some reader reads otherwise is no decimal: %j", (text) => {
    expect(amountOf(JSON.stringify(text))).toBeUndefined()
  })

  test.each(["true", "[49.99]", '{"amount":49.99}', "null"])("nor is anything else: %s", (json) => {
    expect(amountOf(json)).toBeUndefined()
  })
})

/** Ten-thousandths, read from the text alone: a second reader. Null if there are more digits than four. */
function exactOf(number: string): bigint | null {
  const [, sign, whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? []
  const shift = 4 - fraction.length + Number(exponent)
  const digits = BigInt(whole + fraction)
  const scale = 10n ** BigInt(Math.abs(shift))
  if (shift < 0 && digits % scale !== 0n) return null
  const units = shift < 0 ? digits / scale : digits * scale
  return sign === "-" ? -units : units
}

const digits = (min: number, max: number) => fc.stringMatching(new RegExp(`^[0-9]{${min},${max}}$`))
const numbers = fc
  .tuple(fc.constantFrom("", "-"), digits(0, 13), digits(0, 7), fc.constantFrom("", "", "e1", "E-2", "e+0", "e-0"))
  .map(([sign, whole, fraction, exponent]) => {
    return `${sign}${whole.replace(/^0+(?=\d)/, "") || "0"}${fraction === "" ? "" : `.${fraction}`}${exponent}`
  })

test("whatever is sent is judged by its exact digits, as the official engine judges them, or is not judged", () => {
  const { rules } = lower([{ path: "rules.cedar", text: RULES }], SCHEMA)
  const engine = compileRules(rules)
  const [principal, action, resource] = [entity("Agent", "a"), entity("Action", "read"), entity("Tool", "t")]
  const seen = { above: 0, within: 0, none: 0 }
  const near = fc.constantFrom("49.99", "49.9900", "49.9901", "49.9899", "4999e-2", "0.4999E2", "49.98999", "50", "49")
  fc.assert(
    fc.property(fc.oneof({ weight: 3, arbitrary: numbers }, near), (number) => {
      const amount = amountOf(number)
      const exact = exactOf(number)
      if (amount === undefined) {
        seen.none += 1
        // Only what has too many digits, for Cedar or for a double.
        expect(exact === null || number.replace(/\D/g, "").length > 15).toBe(true)
        return
      }
      expect(isDecimal(amount) ? amount.value : null).toBe(exact)
      const text = isDecimal(amount) ? decimalText(amount) : ""
      const context = record([["arguments", record([["amount", amount]])]])
      const ours = engine.authorize({ principal, action, resource, context, work: new Work(Infinity) }, entityStore([]))
      const official = isAuthorized({
        principal: { type: "Agent", id: "a" },
        action: { type: "Action", id: "read" },
        resource: { type: "Tool", id: "t" },
        context: { arguments: { amount: { __extn: { fn: "decimal", arg: text } } } },
        entities: [],
        policies: { staticPolicies: RULES },
      })
      if (official.type === "failure") throw new Error(JSON.stringify(official.errors))
      expect(ours.allowed).toBe(official.response.decision === "allow")
      expect(ours.allowed).toBe(exact !== null && exact <= 499_900n)
      // Bounds of a grant and sums of guardrails read the same number.
      const sent: unknown = JSON.parse(number)
      expect(violation([{ amount: { max: Number(LIMIT) } }], { amount: sent }, null) === null).toBe(ours.allowed)
      expect(String(unitsOf(sent))).toBe(Number(exact) < 0 ? "negative" : String(exact))
      seen[ours.allowed ? "within" : "above"] += 1
    }),
    { seed: 20261201, numRuns: 1_500 },
  )
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(100)
})
