import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parseJson } from "../src/json.ts"

/** Any whitespace and any escapes: the text differs, the value does not. */
function spelled(value: unknown, seed: number): string {
  const space = [" ", "\n", "", "\t"][seed % 4] ?? ""
  if (typeof value === "string") {
    const units = Array.from({ length: value.length }, (_, index) => {
      const hex = value.charCodeAt(index).toString(16).padStart(4, "0")
      const plain = /[a-z]/i.test(value.charAt(index)) && (index + seed) % 2 === 0
      return plain ? value.charAt(index) : String.raw`\u${hex}`
    })
    return `"${units.join("")}"`
  }
  if (Array.isArray(value)) return `[${value.map((each) => space + spelled(each, seed + 1)).join(",")}${space}]`
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(
      ([name, each]) => `${space}${spelled(name, seed)}${space}:${spelled(each, seed + 1)}`,
    )
    return `{${members.join(",")}${space}}`
  }
  return JSON.stringify(value)
}

/** Names that differ from each other whatever is done to their case; values that are exact. */
const exact = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.constantFrom(0.5, -1.25, 1e-7, 123.456),
    fc.string({ unit: "grapheme" }),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), tie("value"), { maxKeys: 4 }),
  ),
})).value

describe("JSON in one reading", () => {
  test("however it is spelled, what is exact is read as it is", () => {
    fc.assert(
      fc.property(exact, fc.nat({ max: 7 }), (value, seed) => {
        expect(parseJson(spelled(value, seed))).toEqual({ json: JSON.parse(JSON.stringify(value)) })
      }),
      { seed: 20261125, numRuns: 400 },
    )
  })

  test("one member more of the same name, wherever, and it is refused", () => {
    let tried = 0
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z]{1,4}$/), exact, { minKeys: 1 }),
        fc.nat(),
        fc.boolean(),
        (object, pick, upper) => {
          const names = Object.keys(object)
          const name = names[pick % names.length] ?? ""
          const again = upper ? name.toUpperCase() : name
          const text = JSON.stringify(object)
          expect(parseJson(`[{"first":${text.slice(0, -1)},${JSON.stringify(again)}:0}}]`)).toHaveProperty("denied")
          expect(parseJson(`{"${again}":0,${text.slice(1)}`)).toHaveProperty("denied")
          tried += 1
        },
      ),
      { seed: 20261125, numRuns: 200 },
    )
    expect(tried).toBe(200)
  })

  test("the same name in two objects is no duplicate, nor is a value that looks like a name", () => {
    for (const text of [
      '[{"a":1},{"a":2}]',
      '{"a":{"a":{"a":"a"}}}',
      '{"a":"b","b":"a"}',
      '{"a":["a","a"],"b":["a"]}',
      '["a","a"]',
    ]) {
      expect(parseJson(text)).toEqual({ json: JSON.parse(text) })
    }
  })

  test.each(["1e17", "-9007199254740992", "9007199254740992.0", "1e400", "-1e999"])(
    "%s is not exact as a double",
    (number) => {
      for (const text of [number, `[${number}]`, `{"a":${number}}`, `{"a":[0,${number} ]}`])
        expect(parseJson(text)).toHaveProperty("denied")
    },
  )

  test.each(["9007199254740991", "-9007199254740991", "1e15", "0.1", "-0", "1.5e-300"])("%s is", (number) => {
    expect(parseJson(`{"a":${number}}`)).toEqual({ json: { a: Number(number) } })
  })
})
