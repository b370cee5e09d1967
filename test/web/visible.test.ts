/** What people decide by has no letter that they cannot see. Attacks as data. */
import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { displayText } from "../../src/core/encoding/display-text.ts"
import { escapeForChat } from "../../src/notifications/formats/text.ts"
import { piecesOf, shortened, markInvisible } from "../../src/web/visible.ts"
import { wronglyShown } from "../harness/unseen.ts"

const SEEN: Readonly<Record<string, string>> = {
  "turned round": "invoice\u202Egpj.exe",
  "turned round by an isolate": "a\u2067b\u2069c",
  "an Arabic mark": "a\u061Cb",
  "nothing between letters": "pay\u200Bpal",
  "a joiner": "a\u200Db\u200Cc",
  "a soft hyphen": "ad\u00ADmin",
  "a mark of byte order": "\uFEFFadmin",
  "a Hangul filler, which is a letter": "a\u3164b\u115Fc",
  "a blank that is a symbol": "a\u2800b",
  "a blank of another width": "100\u00A0000\u2003\u3000",
  "tags, which models read": "a\u{E0041}\u{E0042}b",
  "a selector of variants": "a\u{E0101}b",
  "lines and paragraphs": "a\u2028b\u2029c",
  controls: "a\u0000\u001B[31mb\u009Bc\u007F\r\n\t",
  "private use": "a\uE000b\u{F0000}",
  "half a character": "a\uD800b",
  "a combining joiner": "a\u034Fb",
  "a musical format": "a\u{1D173}b",
}

test("of all of Unicode, each character that cannot be seen is written out or left out, and no other", () => {
  expect(wronglyShown(markInvisible)).toEqual([])
  expect(wronglyShown((text) => displayText(text, 200))).toEqual([])
  expect(wronglyShown(escapeForChat, "`<>&")).toEqual([])
})

const UNSEEN = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}/u

describe("text of others", () => {
  test.for(Object.entries(SEEN))("%s is written out", ([, text]) => {
    expect(markInvisible(text)).not.toMatch(UNSEEN)
    expect(markInvisible(text)).toContain("\\u{")
    expect(piecesOf(text).some(({ isEscaped }) => isEscaped)).toBe(true)
  })

  test("says which character it was", () => {
    expect(markInvisible("a\u202Eb\u{E0041}")).toBe("a\\u{202E}b\\u{E0041}")
  })

  test("has no more marks on a letter than a script needs: others would be painted over the lines around it", () => {
    const marks = "\u0338\u0300"
    expect(markInvisible(`1${marks.repeat(2)}0`)).toBe(`1${marks.repeat(2)}0`)
    expect(markInvisible(`1${marks.repeat(40)}0`)).toBe(`1${marks.repeat(2)}${"\\u{0338}\\u{0300}".repeat(38)}0`)
  })

  test("of any language stays as it is", () => {
    for (const text of ["Größe", "価格 100", "שלום", "مرحبا", "naïve", "👍", "e\u0301"]) {
      expect(piecesOf(text)).toEqual([{ text, isEscaped: false }])
    }
  })

  test("has in its pieces nothing unseen, and nothing that is not in its whole", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const pieces = piecesOf(text)
        expect(pieces.map((piece) => piece.text).join("")).toBe(markInvisible(text))
        expect(pieces.every((piece) => !UNSEEN.test(piece.text) && piece.text !== "")).toBe(true)
        for (const [index, piece] of pieces.entries()) expect(piece.isEscaped).not.toBe(pieces[index + 1]?.isEscaped)
      }),
    )
  })

  test("that is shortened is no longer than it may be, and has no half character", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.integer({ min: 2, max: 20 }),
        fc.constantFrom("start", "end", "ends"),
        (text, most, keep) => {
          const short = shortened(text, most, keep)
          expect(short.length).toBeLessThanOrEqual(most)
          expect(short.isWellFormed()).toBe(true)
          if (markInvisible(text).length <= most) expect(short).toBe(markInvisible(text))
        },
      ),
    )
  })
})
