/**
 * Hostile inputs made from good ones: bits flipped, slices cut, repeated and spliced, dangerous tokens put in. A plan
 * of numbers says what happens where, so that a failing input shrinks to the few changes that matter.
 */
import fc from "fast-check"

/** One change of a text. The numbers are reduced to what the text at hand has. */
export interface Change {
  readonly kind: (typeof KINDS)[number]
  readonly at: number
  readonly size: number
  readonly pick: number
}

const KINDS = ["flip", "cut", "truncate", "repeat", "insert", "part", "replace", "splice", "case", "percent"] as const

/** Longer inputs cost time and find nothing that these do not; the caps of the parsers are tested by cases of their own. */
const MAX_LENGTH = 20_000

export const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom(...KINDS),
  at: fc.nat(),
  size: fc.nat({ max: 40 }),
  pick: fc.nat(),
})

/** Tokens at which readers part ways, whatever the language. */
const DANGEROUS = [
  "\0",
  "\r\n",
  "\n",
  "\u2028",
  "\ufeff",
  "\ud800",
  "\u017f",
  "\u0130",
  "\u00e9",
  " ",
  "\t",
  '"',
  "\\",
  "\\u0000",
  "\\ud800",
  "'",
  "/",
  "//",
  "/../",
  "/./",
  "%2e%2e",
  "%2f",
  "%5c",
  "%00",
  "%25",
  "%c0%ae",
  "%",
  ";",
  "&",
  "=",
  "?",
  "#",
  "+",
  ",",
  ".",
  ":",
  "@",
  "*",
  "[",
  "]",
  "[]",
  "{",
  "}",
  "<",
  "__proto__",
  "constructor",
  "null",
  "-0",
  "1e400",
  "1e-400",
  "9007199254740993",
  "0x10",
]

/**
 * @param seeds inputs that are read, or have broken a reader before
 * @param dictionary tokens of this language beside the ones that are dangerous everywhere
 */
export function mutated(seeds: readonly string[], dictionary: readonly string[]): fc.Arbitrary<string> {
  const words = [...DANGEROUS, ...dictionary]
  return fc
    .tuple(fc.constantFrom(...seeds), fc.constantFrom(...seeds), fc.array(change, { maxLength: 4, size: "max" }))
    .map(([seed, other, plan]) => plan.reduce((text, each) => changed(text, each, other, words), seed))
}

export function changed(
  text: string,
  { kind, at, size, pick }: Change,
  other: string,
  words: readonly string[],
): string {
  const start = at % (text.length + 1)
  const end = Math.min(text.length, start + 1 + size)
  const [before, slice, after] = [text.slice(0, start), text.slice(start, end), text.slice(end)]
  return resultOf(kind, { before, slice, after, pick, other, words, size }).slice(0, MAX_LENGTH)
}

/** What stands between two delimiters: a segment, a line, a name, a value. */
function partAround(text: string, at: number): readonly [from: number, to: number] {
  const from = Math.max(...DELIMITERS.map((delimiter) => text.lastIndexOf(delimiter, Math.max(0, at - 1)) + 1))
  const ends = DELIMITERS.map((delimiter) => text.indexOf(delimiter, at)).filter((end) => end >= 0)
  return [from, Math.max(from, Math.min(text.length, ...ends))]
}
const DELIMITERS = ["\n", "/", "?", "&", "=", ".", " ", '"', ",", ":"]

interface Place {
  readonly before: string
  readonly slice: string
  readonly after: string
  readonly pick: number
  readonly other: string
  readonly words: readonly string[]
  readonly size: number
}

function resultOf(kind: Change["kind"], { before, slice, after, pick, other, words, size }: Place): string {
  const word = words[pick % words.length] ?? ""
  switch (kind) {
    case "flip":
      return before + String.fromCharCode(slice.charCodeAt(0) ^ (1 << (pick % 8)) || 0) + slice.slice(1) + after
    case "cut":
      return before + after
    case "truncate":
      return before
    case "repeat":
      return before + slice.repeat(2 + (pick % 2 === 0 ? 0 : size * 10)) + after
    case "insert":
      return before + word + slice + after
    case "part": {
      const [from, to] = partAround(before + slice + after, before.length)
      const text = before + slice + after
      return text.slice(0, from) + (pick % 2 === 0 ? word : word + text.slice(from, to)) + text.slice(to)
    }
    case "replace":
      return before + word + after
    case "splice": {
      const from = pick % (other.length + 1)
      return before + other.slice(from, from + 1 + size) + slice + after
    }
    case "case":
      return before + (pick % 2 === 0 ? slice.toUpperCase() : slice.toLowerCase()) + after
    case "percent":
      return `${before}%${slice.charCodeAt(0).toString(16).padStart(2, "0")}${slice.slice(1)}${after}`
    default:
      return kind satisfies never
  }
}
