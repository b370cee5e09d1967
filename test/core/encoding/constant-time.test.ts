import fc from "fast-check"
import { expect, test } from "vitest"
import { isSame } from "../../../src/core/encoding/constant-time.ts"

test("two texts are the same where they are the same", () => {
  const text = fc.string({ unit: "binary", maxLength: 6 })
  fc.assert(fc.property(text, text, (one, other) => isSame(one, one) && isSame(one, other) === (one === other)))
  for (const [one, other] of [
    ["a", "ab"],
    ["", "a"],
    ["ab", "ba"],
  ] as const) {
    expect(isSame(one, other)).toBe(false)
  }
})
