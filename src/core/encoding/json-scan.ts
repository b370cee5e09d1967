/**
 * Goes once through a text before it is parsed, and finds what a reader objects to: what costs too much, and what
 * readers may read in different ways. The platform's parser keeps the last of two equal keys and rounds long integers,
 * and it takes as long as a text demands. What exactly is an objection differs between readers, so each has its rules.
 */

export interface ScanRules {
  readonly mostDepth: number
  /** Characters of strings and numbers, each once for each of its levels. */
  readonly mostNestedText: number
  readonly mostKeyLength: number
  /** Characters of all keys, each with its quotes. */
  readonly mostKeysText: number
  readonly mostEscapes: number
  readonly mostNumberLength: number
  /** Two keys of an object with the same name are an objection. Null: keys are not compared. */
  readonly nameOf: ((key: string) => string) | null
  /** Whether half a character is an objection (RFC 7493, section 2.1), and a key that no object may have. */
  readonly isStrict: boolean
  /**
   * "exact": a number that no double holds exactly is an objection. "noted": only one beyond any double is. "measured":
   * numbers count as text and no more. "ignored": not even that; then a list of digits costs a tenth.
   */
  readonly numbers: "exact" | "noted" | "measured" | "ignored"
}

/** Of text whose length is bounded elsewhere, read as every reader does: `"a"` and `"\u0061"` are one key. */
export const UNBOUNDED = {
  mostNestedText: Infinity,
  mostKeyLength: Infinity,
  mostKeysText: Infinity,
  mostEscapes: Infinity,
  mostNumberLength: Infinity,
  nameOf: (key: string) => key,
  isStrict: false,
} as const satisfies Partial<ScanRules>

export interface Scanned {
  /** Members of objects, elements of arrays, and the objects and arrays themselves. */
  readonly parts: number
  /** False if a number that is not exact was noted. */
  readonly isExact: boolean
}

/** What the text is or has, or has too much of. */
export type ScanObjection =
  | "not_json"
  | "key_twice"
  | "forbidden_key"
  | "half_character"
  | "inexact_number"
  | "depth"
  | "parts"
  | "nested_text"
  | "key_length"
  | "keys_text"
  | "escapes"
  | "number_length"

/** Any decimal with this many digits is a double of its own (IEEE 754). */
const SAFE_DIGITS = 15

/**
 * RFC 7493, section 2.2: a number has no more magnitude or precision than a double. A reader that reads
 * `100.00000000000000001` as a decimal gets more than 100, and from `1e-400` more than 0; our bounds would compare 100
 * and 0.
 */
function isExactNumber(number: string): boolean {
  const value = Number(number)
  if (Number.isInteger(value) ? !Number.isSafeInteger(value) : !Number.isFinite(value)) return false
  if (number.length <= SAFE_DIGITS && !HAS_EXPONENT.test(number)) return true
  const shortest = String(value)
  return number === shortest || decimalOf(number) === decimalOf(shortest)
}
const HAS_EXPONENT = /[eE]/
const DECIMAL = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** Significant digits and the power of ten of the last: equal for two texts exactly if they are the same number. */
function decimalOf(number: string): string {
  const [, whole = "", fraction = "", exponent = "0"] = DECIMAL.exec(number) ?? []
  const digits = (whole + fraction).replace(/^0+/, "")
  const significant = digits.replace(/0+$/, "")
  if (significant === "") return "0"
  return `${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`
}

/** The text of a JSON string. Null if it is none. */
function readString(json: string): string | null {
  try {
    return String(JSON.parse(json))
  } catch {
    return null
  }
}

/** The characters that may precede a value; empty for the first one. */
const BEFORE_VALUE: ReadonlySet<string> = new Set(["", "[", ",", ":", " ", "\n", "\r", "\t"])
const BLANKS = /[ \n\r\t]+/y
const NUMBER = /-?[0-9][0-9.eE+-]*/y

/** It may find no objection to a text that is no JSON. */
export function scanJson(text: string, mostParts: number, rules: ScanRules): Scanned | ScanObjection {
  const { mostDepth, mostNestedText, nameOf, isStrict, numbers } = rules
  /** Keys seen in each open object; null for an open array. */
  const open: (Set<string> | null)[] = []
  // Most texts have none; their strings end at the next quote and mean what they spell.
  let escape = text.indexOf("\\")
  let [parts, nested, keysText, escaped] = [0, 0, 0, 0]
  let isExact = true
  let expectsKey = false
  for (let index = 0; index < text.length; index++) {
    switch (text.charAt(index)) {
      case "{":
        open.push(new Set())
        parts += 1
        expectsKey = true
        break
      case "[":
        open.push(null)
        parts += 1
        expectsKey = false
        break
      case "}":
      case "]":
        open.pop()
        expectsKey = false
        break
      case ",":
        parts += 1
        expectsKey = open.at(-1) instanceof Set
        break
      case '"': {
        let end = text.indexOf('"', index + 1) + 1
        if (end === 0) return "not_json"
        if (escape >= 0 && escape < index) escape = text.indexOf("\\", index)
        const escapes = escape >= 0 && escape < end ? escapesOf(text, index, rules.mostEscapes) : null
        if (escapes) {
          end = escapes.end
          escaped += escapes.count
          if (escaped > rules.mostEscapes) return "escapes"
        }
        nested += (end - index) * open.length
        if (expectsKey) {
          keysText += end - index
          if (keysText > rules.mostKeysText) return "keys_text"
          if (end - index - 2 > rules.mostKeyLength) return "key_length"
        }
        if (expectsKey && nameOf) {
          // Escapes are resolved first: "a" and "\u0061" are the same key.
          const key = escapes ? readString(text.slice(index, end)) : text.slice(index + 1, end - 1)
          if (key === null) return "not_json"
          const name = nameOf(key)
          const keys = open.at(-1)
          if (keys?.has(name)) return "key_twice"
          if (isStrict && name === "__proto__") return "forbidden_key"
          keys?.add(name)
        }
        expectsKey = false
        // A lone surrogate is no character: readers replace it, or fail (RFC 7493, section 2.1).
        if (isStrict && escapes?.isUnicode) {
          const string = readString(text.slice(index, end))
          if (string === null) return "not_json"
          if (!string.isWellFormed()) return "half_character"
        }
        index = end - 1
        break
      }
      case "-":
      case "0":
      case "1":
      case "2":
      case "3":
      case "4":
      case "5":
      case "6":
      case "7":
      case "8":
      case "9": {
        if (numbers === "ignored") break
        if (!BEFORE_VALUE.has(text.charAt(index - 1))) return "not_json"
        NUMBER.lastIndex = index
        const number = NUMBER.exec(text)?.[0] ?? "-"
        if (number.length > rules.mostNumberLength) return "number_length"
        if (isExact && numbers !== "measured" && !isExactNumber(number)) {
          if (numbers === "exact" || !Number.isFinite(Number(number))) return "inexact_number"
          isExact = false
        }
        nested += number.length * open.length
        index += number.length - 1
        break
      }
      case " ":
      case "\n":
      case "\r":
      case "\t":
        BLANKS.lastIndex = index
        index += (BLANKS.exec(text)?.[0].length ?? 1) - 1
        break
      default:
    }
    if (open.length > mostDepth) return "depth"
    if (parts > mostParts) return "parts"
    if (nested > mostNestedText) return "nested_text"
  }
  return { parts, isExact }
}

interface Escapes {
  /** Index just behind the closing quote, or the text's end if there is none. */
  readonly end: number
  readonly count: number
  /** Whether one of them is `\u`. */
  readonly isUnicode: boolean
}

/** The escapes of the string that opens at `start`; after more than `most` it stops reading. */
function escapesOf(text: string, start: number, most: number): Escapes {
  let [index, count, isUnicode] = [start + 1, 0, false]
  for (; index < text.length && count <= most; index++) {
    const unit = text.charCodeAt(index)
    if (unit === QUOTE) return { end: index + 1, count, isUnicode }
    if (unit !== BACKSLASH) continue
    index += 1
    count += 1
    isUnicode ||= text.charCodeAt(index) === SMALL_U
  }
  return { end: text.length, count, isUnicode }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SMALL_U = 0x75
