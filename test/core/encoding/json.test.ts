import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { parseJson } from "../../../src/core/catalog/json-body.ts"
import { MAX_PARTS, readLoosely } from "../../../src/core/encoding/json.ts"

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

  test.each([
    "100.00000000000000001",
    "99.999999999999999999",
    "0.10000000000000001",
    "1e-400",
    "-1e-400",
    "0.3000000000000000000000000001",
    "1.00000000000000000000001e2",
    `1.${"0".repeat(1_000)}`,
  ])("%s is another number to those who read decimals", (number) => {
    for (const text of [number, `[${number}]`, `{"a":${number}}`]) expect(parseJson(text)).toHaveProperty("denied")
  })

  test("every double is exact in its shortest form, and in any that adds nothing but zeros", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.nat({ max: 8 }), (value, zeros) => {
        if (Number.isInteger(value) && !Number.isSafeInteger(value)) return
        const shortest = JSON.stringify(value)
        const [mantissa = "", exponent] = shortest.split("e")
        const padded = `${mantissa}${mantissa.includes(".") ? "" : "."}0${"0".repeat(zeros)}${exponent === undefined ? "" : `e${exponent}`}`
        for (const text of [shortest, padded]) expect([text, parseJson(text)]).toEqual([text, { json: Number(text) }])
        // One digit further it is another number.
        const more = exponent === undefined && mantissa.includes(".") ? `${mantissa}${"0".repeat(20)}1` : null
        if (more !== null) expect(parseJson(more)).toHaveProperty("denied")
      }),
      { seed: 20261127, numRuns: 2_000 },
    )
  })
})

describe("JSON that costs more to judge than to send", () => {
  const list = (count: number): string => `[${Array.from({ length: count }, () => "1").join(",")}]`
  const deep = (text: string, levels: number): string => "[".repeat(levels) + text + "]".repeat(levels)
  const MOST_ESCAPES = 131_072
  const TOO_MUCH: Readonly<Record<string, string>> = {
    "elements of a list": list(MAX_PARTS + 1),
    "elements of lists in a list": `[${Array.from({ length: MAX_PARTS / 2 + 1 }, () => "[1]").join(",")}]`,
    "members of objects in a list": `[${Array.from({ length: MAX_PARTS / 2 + 1 }, () => '{"a":1}').join(",")}]`,
    "members of one object": `{${Array.from({ length: MAX_PARTS + 1 }, (_, at) => `"k${at}":1`).join(",")}}`,
    "text inside many levels": deep(`"${"a".repeat(200_000)}"`, 58),
    "text of all keys": `{${Array.from({ length: 200 }, (_, at) => `"${"k".repeat(1_000)}${at}":1`).join(",")}}`,
    "a long key": `{"${"a".repeat(1_025)}":1}`,
    "a long number": `[${"0".repeat(200)}]`,
    "escapes of a text": `"${String.raw`\n`.repeat(MOST_ESCAPES + 1)}"`,
    "escapes of several texts": `["${String.raw`\"`.repeat(MOST_ESCAPES)}","${String.raw`\n`}"]`,
    "levels, and no end": "[".repeat(1_048_576),
    "members, and no end": '{"a":'.repeat(200_000),
  }
  test.each(Object.entries(TOO_MUCH))("is refused: %s", (_what, text) => {
    expect(parseJson(text)).toHaveProperty("denied.reason", "body_rejected")
    expect(readLoosely(text)).toBeUndefined()
  })

  const oneAsNumber = (length: number): string => `1.${"0".repeat(length - 2)}`
  const keysOf = (count: number): string => {
    const all = Array.from(
      { length: 64 },
      (_, at) => `"${`k${at}_`.padEnd(at < 63 ? 1_022 : count - 63 * 1_024 - 2, "x")}":1`,
    )
    return `{${all.join(",")}}`
  }
  test.each<readonly [string, number, (count: number) => string]>([
    ["levels", 64, (count) => deep("1", count)],
    ["elements", 5_000, list],
    ["characters of a key", 1_024, (count) => `{"${"k".repeat(count)}":1}`],
    ["characters of all keys, each with its quotes", 65_536, keysOf],
    ["characters of a number", 128, oneAsNumber],
    [
      "characters of text, each once for each of its levels",
      4_194_304,
      (count) => `[${oneAsNumber(count - 64 * 65_535)},${deep(`"${"a".repeat(65_533)}"`, 63)}]`,
    ],
  ])("as many %s as %i are read, and one more is refused", (_what, most, textOf) => {
    expect(parseJson(textOf(most))).toEqual({ json: JSON.parse(textOf(most)) })
    expect(parseJson(textOf(most + 1))).toHaveProperty("denied.reason", "body_rejected")
  })

  test("what real calls have is not: a long text, a list of thousands, a few levels", () => {
    for (const json of [
      { jsonrpc: "2.0", params: { arguments: { text: "é".repeat(1_000_000), more: [{ deep: [{ er: "x" }] }] } } },
      Array.from({ length: MAX_PARTS - 2 }, (_, at) => at),
      JSON.parse(deep('"a"', 60)),
      "\n".repeat(MOST_ESCAPES),
    ]) {
      expect(parseJson(JSON.stringify(json))).toEqual({ json })
    }
  })

  test("text that is no JSON is refused wherever it breaks off", () => {
    const text = '{"a":["b\\u0041\\"",-1.5e3,{"c\\\\":null}],"d":true}'
    for (let end = 0; end < text.length; end++) {
      expect(parseJson(text.slice(0, end))).toHaveProperty("denied")
      expect(readLoosely(text.slice(0, end))).toBeUndefined()
    }
    expect(parseJson(text)).toEqual({ json: JSON.parse(text) })
  })
})
