/** JSON values that cost the most to read, judge, hash and record, each in so many bytes; limits do not count here. */

export const SIZES = [65_536, 262_144, 1_048_576] as const

const MARGIN = 2_048
/** What calls may have (src/core/encoding/json.ts), with room for the message around it. */
const MOST_PARTS = 4_900
const DEEPEST = 55

const fill = (text: string, bytes: number): string =>
  text.repeat(Math.max(1, Math.floor((bytes - MARGIN) / text.length)))
const listOf = (item: string, bytes: number): string => `[${fill(`${item},`, bytes).slice(0, -1)}]`
const nested = (inner: string, levels: number): string => "[".repeat(levels) + inner + "]".repeat(levels)
/** As many as there is room for, and no more than may be. */
const items = (bytes: number, width: number, itemOf: (at: number) => string): string =>
  Array.from({ length: Math.min(MOST_PARTS, Math.floor((bytes - MARGIN) / width)) }, (_, at) => itemOf(at)).join(",")
/** As many of one kind as there may be in all keys, or as arguments. */
const keys = (bytes: number, key: string): string => {
  const most = Math.floor(Math.min(bytes - MARGIN, 64_000) / (key.length + 6))
  return `{${Array.from({ length: Math.min(900, most) }, (_, at) => `"${key}${at}":1`).join()}}`
}
const wide = (bytes: number, itemOf: (at: number, filling: string) => string): string => {
  const width = Math.floor((bytes - MARGIN) / MOST_PARTS)
  return items(bytes, Math.max(width, 16), (at) => itemOf(at, "x".repeat(Math.max(0, width - 16))))
}

export const VALUES: Readonly<Record<string, (bytes: number) => string>> = {
  // Beyond what is allowed.
  "numbers within 58 lists": (bytes) => nested(fill("1,", bytes).slice(0, -1), 58),
  "deep lists": (bytes) => listOf(nested("", 60), bytes),
  "empty lists": (bytes) => listOf("[]", bytes),
  "lists without end": (bytes) => "[".repeat(bytes - MARGIN),
  "objects of one key": (bytes) => listOf('{"a":1}', bytes),
  "many keys": (bytes) =>
    `{${Array.from({ length: Math.floor((bytes - MARGIN) / 11) }, (_, at) => `"k${at.toString(36)}":1`).join()}}`,
  "a long key": (bytes) => `{"${fill("ſ", bytes >> 1)}":1}`,
  "keys of combining marks": (bytes) => keys(bytes, "\u0315\u0301\u0327\u0334".repeat(250)),
  "keys of U+FDFA": (bytes) => keys(bytes, "\uFDFA".repeat(1_000)),
  "a long number": (bytes) => fill("1", bytes),
  blanks: (bytes) => `[${fill(" ", bytes)}]`,
  // The most that is allowed.
  "plain text": (bytes) => `"${fill("a", bytes)}"`,
  "text of escapes": (bytes) => `"${fill(String.raw`\u00e9`, bytes)}"`,
  "text of quotes": (bytes) => `"${fill(String.raw`\"`, bytes)}"`,
  "text of line breaks": (bytes) => `"${fill(String.raw`\n`, Math.min(bytes, 261_000))}"`,
  "text of emoji": (bytes) => `"${fill("😀", bytes / 4 + MARGIN)}"`,
  "as many numbers within 55 lists": (bytes) =>
    nested(
      items(bytes, 2, (at) => String(at % 10)),
      DEEPEST,
    ),
  "as many fractions": (bytes) => `[${items(bytes, 20, (at) => `0.${String(at).padStart(5, "1")}1234567891`)}]`,
  "as many empty lists": (bytes) => `[${items(bytes, 3, () => "[]")}]`,
  "as many texts": (bytes) => `[${wide(bytes, (at, filling) => `"${at}${filling}"`)}]`,
  "as many keys": (bytes) => `{${items(bytes, 16, (at) => `"${String(at).padStart(10, "k")}":1`)}}`,
  "as many keys in other letters": (bytes) => `{${items(bytes, 110, (at) => `"${"ſ".repeat(6)}${at}":1`)}}`,
  "as many keys of eight combining marks": (bytes) => keys(bytes, "a\u0315\u0301\u0327\u0334\u0323\u031B\u0316\u0317"),
  "as many keys that NFKC makes longer": (bytes) => keys(bytes, "…".repeat(40)),
  "as many objects within 55 lists": (bytes) =>
    nested(
      items(bytes, 18, (at) => `{"k${at}":1}`)
        .split(",")
        .slice(0, MOST_PARTS >> 1)
        .join(),
      DEEPEST,
    ),
  "texts in 900 arguments": (bytes) =>
    `{${Array.from({ length: 900 }, (_, at) => `"a${at}":"${"x".repeat(Math.max(1, Math.floor((bytes - MARGIN) / 900) - 12))}"`).join()}}`,
  "text within 55 lists": (bytes) => nested(`"${fill("a", Math.min(bytes, 70_000))}"`, DEEPEST),
}
