import { describe, expect, test } from "vitest"
import { OutOfWork, Work } from "../../../src/core/encoding/work.ts"
import { memberVariants, variantOf } from "../../../src/core/catalog/arguments.ts"
import { asksForMethod } from "../../../src/core/catalog/method-override.ts"
import { isRedacted } from "../../../src/core/catalog/redaction.ts"

/** Protobuf's JSON mapping reads each pair as one field; so do readers with aliases for their names. */
const PAIRS = [
  ["customer_id", "customerId"],
  ["itemCount", "item_count"],
  ["customer-id", "customerid"],
  ["customer_id", "CustomerID"],
  ["a_b_c", "aBC"],
] as const

describe("a name whose words are joined otherwise", () => {
  test.each(PAIRS)("%s is not read past as %s", (name, other) => {
    const sent = (values: object) => variantOf({ complete: true, values: { ...values } }, new Set([name]))
    expect(sent({ [other]: 1 })).toBe(other)
    expect(sent({ [other]: 1, [name]: 2 })).toBe(other)
    expect(sent({ [name]: 1 })).toBeNull()
  })

  test.each(PAIRS)("%s is redacted as %s too", (name, other) => {
    expect(isRedacted(other, [name])).toBe(true)
  })

  test.each([
    ["customer_id", "customer"],
    ["to", "tool"],
    ["method", "payment_method"],
  ])("%s is not %s", (name, other) => {
    expect(variantOf({ complete: true, values: { [other]: 1 } }, new Set([name]))).toBeNull()
  })
})

/** ASP.NET binds a parameter `query` from `query.to` before `to`; Struts and Grails from any prefix. */
test.each(["x.to", "request.To", "a.b.to", "x..to", "x.to[]", "model.TO"])("%s may be read as to", (name) => {
  expect(variantOf({ complete: true, values: { [name]: 1 } }, new Set(["to"]))).toBe(name)
  expect(memberVariants(new Set(["to"]), new Work())({ [name]: 1 })).toBe(name)
  expect(isRedacted(name, ["to"])).toBe(true)
})
test.each([
  ["customer_id", "request.customerId"],
  ["customerId", "request.customer_id"],
])("%s may be read from %s", (name, other) => {
  expect(variantOf({ complete: true, values: { [other]: 1 } }, new Set([name]))).toBe(other)
})
test.each(["x.tool", "x.to-do", "auto", "x."])("%s may not be read as to", (name) => {
  expect(variantOf({ complete: true, values: { [name]: 1 } }, new Set(["to"]))).toBeNull()
})

/** To normalize each takes a time that the caller chooses. */
const UNREADABLE = {
  "marks that NFKC sorts": `a${"\u0315\u0301\u0327".repeat(3)}`,
  "a character that NFKC writes as eighteen": "\uFDFA".repeat(8),
  "what NFKC makes 129 characters of": `${"\uFDFA".repeat(7)}ééé`,
  "characters without end": "é".repeat(129),
} as const

describe("a name that takes long to normalize may be read as any", () => {
  test.each(Object.entries(UNREADABLE))("%s", (_, name) => {
    expect(variantOf({ complete: true, values: { [name]: 1 } }, new Set(["to"]))).toBe(name)
    expect(variantOf({ complete: true, values: { [name]: 1, to: 2 } }, new Set(["*"]))).toBe(name)
    expect(variantOf({ complete: true, values: { [name]: 1 } }, new Set())).toBeNull()
    expect(memberVariants(new Set(["to"]), new Work())({ [name]: 1 })).toBe(name)
    expect(isRedacted(name, ["pin"])).toBe(true)
    expect(asksForMethod(name)).toBe(true)
  })

  test.each([
    "é".repeat(128),
    `${"\uFDFA".repeat(7)}éé`,
    `a${"\u0301".repeat(8)}`,
    "お問い合わせ内容",
    "Straße des 17. Juni",
    "a question, ".repeat(40),
  ])("%s is a name like any other", (name) => {
    expect(variantOf({ complete: true, values: { [name]: 1 } }, new Set(["to"]))).toBeNull()
    expect(memberVariants(new Set(["to"]), new Work())({ [name]: 1 })).toBeNull()
    expect(isRedacted(name, ["pin"])).toBe(false)
    expect(asksForMethod(name)).toBe(false)
  })
})

describe("names within an argument that have the letters of a member", () => {
  const objectOf = (count: number, nameOf: (at: number) => string): object =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [nameOf(at), 1]))
  const alike = (at: number): string => `é.ﬁ${at}.To-do`

  test("are read while the work of the call lasts", () => {
    expect(memberVariants(new Set(["to"]), new Work())(objectOf(700, alike))).toBeNull()
    expect(() => memberVariants(new Set(["to"]), new Work())(objectOf(900, alike))).toThrow(OutOfWork)
    const ofOneCall = memberVariants(new Set(["to"]), new Work())
    expect(ofOneCall(objectOf(500, alike))).toBeNull()
    expect(() => ofOneCall(objectOf(500, (at) => `x${alike(at)}`))).toThrow(OutOfWork)
  })

  test("are read once each: any number of objects may have the same names", () => {
    const ofOneCall = memberVariants(new Set(["to"]), new Work())
    const row = { customerToken: 1, "total.EUR": 2, autoRenew: 3, plain: 4 }
    for (let nth = 0; nth < 1_200; nth++) expect(ofOneCall({ ...row, at: nth })).toBeNull()
  })

  test("are all that are read: any number of others passes", () => {
    expect(memberVariants(new Set(["city"]), new Work())(objectOf(4_900, alike))).toBeNull()
  })

  test.each([
    ["ΤΟΣ", "x.τος"],
    ["İd", "X.i̇d"],
    ["customer_id", "Request.Customer-Id[]"],
    ["to", "ｘ．ｔｏ"],
    ["a.b", "x.ab"],
    ["_", "__"],
  ])("%s are found by them in %s exactly if one is read as the other", (member, name) => {
    const sent = { complete: true, values: { [name]: 1 } }
    expect(memberVariants(new Set([member]), new Work())({ [name]: 1 })).toBe(variantOf(sent, new Set([member])))
  })
})
