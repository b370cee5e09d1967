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
  "as many keys that may hold another": (bytes) => `{${items(bytes, 18, (at) => `"é.ﬁ${at}city":1`)}}`,
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

/** Of each kind of bound what it takes longest to judge, in what is read of a body. */
const MOST_READ = 262_144 - MARGIN
const texts = (count: number, textOf: (at: number) => string): string => {
  const fitting = Math.floor(MOST_READ / (textOf(count).length + 3))
  return JSON.stringify(Array.from({ length: Math.min(count, fitting) }, (_, at) => textOf(at)))
}

export const POLICY_VALUES: Readonly<Record<string, () => string>> = {
  "62 paths": () => texts(62, (at) => `/${"a1/".repeat(1_360)}${at}`),
  "62 paths with dots": () => texts(62, (at) => `/${".a/".repeat(1_360)}${at}`),
  "62 paths in other letters": () => texts(62, (at) => `/${"é/".repeat(1_000)}${at}`),
  paths: () => texts(MOST_PARTS, (at) => `/srv/${"a/".repeat(20)}${at}`),
  URLs: () => texts(MOST_PARTS, (at) => `https://a.example.org/v1/${at}/%C3%A9/x`),
  "long URLs": () => texts(31, (at) => `https://a.example.org/v1/${at}/${"%C3%A9/".repeat(1_100)}`),
  addresses: () => texts(MOST_PARTS, (at) => `a.b.c.d${at}@e.f.g.example.org`),
  networks: () => texts(MOST_PARTS, (at) => `2001:db8:ffff:1:2:3:${(at + 1).toString(16)}:7`),
  quantities: () => texts(MOST_PARTS, (at) => `${at}.123456789 MiB`),
  dates: () => texts(MOST_PARTS, (at) => `2026-01-01T00:00:00.${String(at).padStart(9, "0")}+05:30`),
  "text of one letter": () => JSON.stringify("a".repeat(MOST_READ)),
  "text of two letters": () => JSON.stringify("ab".repeat(MOST_READ / 2)),
  "text of emoji": () => JSON.stringify("😀".repeat(MOST_READ / 4)),
  "texts of one letter": () => texts(MOST_PARTS, (at) => "a".repeat(40 + (at % 9))),
  "keys in other letters": () => VALUES["as many keys in other letters"]?.(262_144) ?? "",
}

const FORM = "application/x-www-form-urlencoded"
const MULTIPART = "multipart/form-data; boundary=b"
const TEXT = "text/plain"
/** As many names as are searched for another method, each as dear as it can be (src/core/catalog/method-in-body.ts). */
const MOST_SEARCHED = 1_999
const megabyte = (text: string): string => fill(text, 1_048_576)
const names = (nameOf: (at: number) => string): string =>
  Array.from({ length: MOST_SEARCHED }, (_, at) => nameOf(at)).join("")
const parts = (name: string): string => names((at) => `content-disposition: form-data; name="${name}${at}"\r\n`)
const distinct = (count: number): string => Array.from({ length: count }, (_, at) => `"é${at}":1,`).join("")

/** Bodies that are no JSON to us and may be something else to the upstream. */
export const OTHER_BODIES: Readonly<Record<string, readonly [type: string, body: () => string]>> = {
  "text, members with wrong escapes": [TEXT, () => `{${megabyte(String.raw`"\q":`)}`],
  "text, members with escapes": [TEXT, () => `{${megabyte(String.raw`"\n":`)}`],
  "text, members in other letters": [TEXT, () => `{${distinct(90_000)}`],
  "text, members without names": [TEXT, () => `{${megabyte('"":')}`],
  "text, as many members in other letters": [TEXT, () => `{${names((at) => `"${"é".repeat(52)}method${at}":1,`)}`],
  "text, as many members with escapes": [TEXT, () => `{${names((at) => `"${String.raw`\u00e9`.repeat(62)}${at}":1,`)}`],
  "a form of blanks": [FORM, () => megabyte(" ")],
  "a form of encoded blanks": [FORM, () => megabyte("%20")],
  "a form, as many names that are not UTF-8": [FORM, () => names((at) => `${"%ff".repeat(60)}method${at}&`)],
  "parts, as many names with a wrong escape": [MULTIPART, () => parts(String.raw`%zz\"%zz`)],
  "parts, as many names that are not UTF-8": [MULTIPART, () => parts("%ff".repeat(150))],
  "parts, as many names in other letters": [MULTIPART, () => parts(`${"é".repeat(52)}method%zz`)],
}
