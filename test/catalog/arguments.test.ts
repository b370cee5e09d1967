import { describe, expect, test } from "vitest"
import { variantOf } from "../../src/catalog/arguments.ts"
import { isRedacted } from "../../src/catalog/redaction.ts"

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
