/** Arguments as people read them: all of each, in parts where they are long, what is redacted told from what says so. */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { partsOf, weightOf, type JsonPiece } from "../../src/web/json.tsx"

const textOf = (parts: readonly (readonly JsonPiece[])[]): string =>
  parts
    .flat()
    .map(({ text, isRedacted }) => (isRedacted === true ? "<redacted>" : text))
    .join("")

const objects = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 4 }), { noNullPrototype: true })

describe("JSON for people", () => {
  test("is the very JSON that it was", () => {
    fc.assert(
      fc.property(objects, (values) => {
        const written: unknown = JSON.parse(JSON.stringify(values))
        // What was written out is read back by its code point.
        const read = textOf(partsOf(values, [])).replaceAll(/\\u\{([0-9A-F]+)\}/g, (_all, code: string) =>
          String.fromCodePoint(Number.parseInt(code, 16)),
        )
        expect(JSON.parse(read)).toEqual(written)
      }),
    )
  })

  test("tells what is redacted from a text that says so", () => {
    const values = { secret: "[redacted]", note: "[redacted]", deep: { secret: 1 } }
    const pieces = partsOf(values, ["secret"]).flat()
    expect(pieces.filter(({ isRedacted }) => isRedacted)).toHaveLength(1)
    expect(textOf([pieces])).toBe(
      `{\n  "secret": <redacted>,\n  "note": "[redacted]",\n  "deep": {\n    "secret": 1\n  }\n}`,
    )
  })

  test("breaks no line by what is in it, and begins none", () => {
    const pieces = partsOf({ 'a"\n  "b': "x\n}\u2028\u0085" }, []).flat()
    expect(textOf([pieces])).toBe(`{\n  "a\\"\\n  \\"b": "x\\n}\\u{2028}\\u{0085}"\n}`)
  })

  const HOSTILE: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    "nested deep": { a: JSON.parse(`${"[".repeat(60)}${"]".repeat(60)}`) },
    "many members": Object.fromEntries(Array.from({ length: 1_800 }, (_, index) => [`m${index}`, 0])),
    "many lists": { a: Array.from({ length: 5_000 }, () => []) },
    "one long text": { a: "😀".repeat(8_000) },
    "nothing but what is unseen": { a: "\u200B".repeat(16_000) },
    "seen and unseen in turn": { a: "a\u200B".repeat(8_000) },
    "turned round in turn": { a: "א a".repeat(5_000) },
    "what markup has to escape": { a: "<&'".repeat(5_000) },
  }

  test.for(Object.entries(HOSTILE))(
    "that is %s is in parts, none of which fills a page, and loses nothing",
    ([, values]) => {
      const parts = partsOf(values, [])
      for (const part of parts) {
        expect(part.reduce((sum, piece) => sum + weightOf(piece), 0)).toBeLessThanOrEqual(40_000)
        expect(part.every(({ text }) => text.isWellFormed())).toBe(true)
      }
      const read = textOf(parts).replaceAll("\\u{200B}", "\u200B")
      expect(JSON.parse(read)).toEqual(values)
    },
  )
})
