/**
 * Reads JSON unambiguously. The platform's parser keeps the last of two equal keys and rounds long integers; the
 * upstream's may keep the first, and may not round. So this reader rejects what I-JSON excludes: a duplicate key in an
 * object, an integer beyond 2^53 - 1, a number beyond a double. Source: RFC 8259, sections 4 and 6; RFC 7493, sections
 * 2.2 and 2.3.
 */
import { foldName } from "./name-folding.ts"

/** The denial of a call with such a number. */
export const INEXACT = { reason: "body_rejected", what: "it has a number that is not exact as a double" } as const

/** Deeper nesting than any tool's arguments need. */
const MAX_DEPTH = 64
/** Members of objects and elements of arrays: each costs a microsecond or more to evaluate, hash and record. */
export const MAX_PARTS = 5_000
/** Rules and records build a value anew on each level of nesting, so its text costs as often as it is deep. */
const MAX_NESTED_TEXT = 4_194_304
/** A key is folded, which costs several times as much as reading it. */
const MAX_KEY_LENGTH = 1_024
const MAX_KEYS_TEXT = 65_536

/**
 * Wherever the text is passed on, each escape is written and read again: it costs ten times as much as another
 * character.
 */
const MAX_ESCAPES = 131_072

/** The same for a text that is no body: it returns the objection alone. */
export function readJson(
  text: string,
  mostParts: number = MAX_PARTS,
  numbers?: Numbers,
): { readonly json: unknown } | { readonly objection: string } {
  // First, because the platform's parser takes as long as a text demands.
  const found = objectionTo(text, mostParts, true, numbers)
  if (found) return { objection: found.objection }
  try {
    return { json: JSON.parse(text) }
  } catch {
    return NOT_JSON
  }
}

/** As the platform's parser reads it, whatever others may read. Undefined if it is no JSON, or too large. */
export function readLoosely(text: string): unknown {
  if (objectionTo(text, MAX_PARTS, false)?.isTooMuch === true) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

interface Numbers {
  areExact: boolean
}

interface Objection {
  readonly objection: string
  /** Whether it is too large, rather than ambiguous. */
  readonly isTooMuch: boolean
}

const refused = (objection: string): Objection => ({ objection, isTooMuch: false })
const tooMuch = (objection: string): Objection => ({ objection, isTooMuch: true })
const NOT_JSON = refused("it is not JSON")

/** Symfony and Perl's HTTP::Body read `application/x-www-form-urlencoded+json` as a form. */
const JSON_TYPE = /^(?!.*urlencoded)application\/(?:[a-z0-9.+-]+\+)?json(?: *; *charset="?utf-8"?)?$/i

/** One media type, JSON in UTF-8: with two, or another encoding, a reader may choose differently than we do. */
export function isJsonType(contentType: string | null): boolean {
  return contentType !== null && JSON_TYPE.test(contentType)
}

export function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json)
}

/** More digits than any amount has; each place that reads more would pay for them. */
const MAX_NUMBER_LENGTH = 128
const LONG_NUMBER = `it has a number of more than ${MAX_NUMBER_LENGTH} characters`
/** Any decimal with this many digits is a double of its own (IEEE 754). */
const SAFE_DIGITS = 15

/**
 * RFC 7493, section 2.2: a number has no more magnitude or precision than a double. A reader that reads
 * `100.00000000000000001` as a decimal gets more than 100, and from `1e-400` more than 0; our bounds would compare 100
 * and 0.
 */
function isExact(number: string): boolean {
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

/**
 * One pass over any text. It may find no objection to a text that is no JSON.
 * @param isStrict false: it only looks for excess
 * @param numbers records that one is not exact; absent: that is an objection
 */
function objectionTo(text: string, mostParts: number, isStrict = true, numbers?: Numbers): Objection | null {
  /** Keys seen in each open object; null for an open array. */
  const open: (Set<string> | null)[] = []
  // Most texts have none; their strings end at the next quote and mean what they spell.
  let escape = text.indexOf("\\")
  let [parts, nested, keysText, escaped] = [0, 0, 0, 0]
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
        if (end === 0) return NOT_JSON
        if (escape >= 0 && escape < index) escape = text.indexOf("\\", index)
        const escapes = escape >= 0 && escape < end ? escapesOf(text, index, MAX_ESCAPES) : null
        if (escapes) {
          end = escapes.end
          escaped += escapes.count
          if (escaped > MAX_ESCAPES) return tooMuch(`its strings have more than ${MAX_ESCAPES} escapes in all`)
        }
        nested += (end - index) * open.length
        if (expectsKey) {
          keysText += end - index
          if (keysText > MAX_KEYS_TEXT) return tooMuch(`its keys have more than ${MAX_KEYS_TEXT} characters in all`)
          if (end - index - 2 > MAX_KEY_LENGTH) return tooMuch(`it has a key of more than ${MAX_KEY_LENGTH} characters`)
        }
        if (expectsKey && isStrict) {
          // Escapes are resolved first: "a" and "\u0061" are the same key.
          const key = escapes ? readString(text.slice(index, end)) : text.slice(index + 1, end - 1)
          if (key === null) return NOT_JSON
          const folded = foldName(key)
          const keys = open.at(-1)
          if (keys?.has(folded)) return refused("it has a key twice, or two that some readers take for one")
          if (folded === "__proto__") return refused("it has a key that no object may have")
          keys?.add(folded)
        }
        expectsKey = false
        // A lone surrogate is no character: readers replace it, or fail (RFC 7493, section 2.1).
        if (isStrict && escapes?.isUnicode) {
          const string = readString(text.slice(index, end))
          if (string === null) return NOT_JSON
          if (!string.isWellFormed()) return refused("it has half a character")
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
        if (!BEFORE_VALUE.has(text.charAt(index - 1))) return NOT_JSON
        NUMBER.lastIndex = index
        const number = NUMBER.exec(text)?.[0] ?? "-"
        if (isStrict && number.length > MAX_NUMBER_LENGTH) return tooMuch(LONG_NUMBER)
        if (isStrict && numbers?.areExact !== false && !isExact(number)) {
          if (!numbers || !Number.isFinite(Number(number))) return refused(INEXACT.what)
          numbers.areExact = false
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
    if (open.length > MAX_DEPTH) return tooMuch("it nests too deep")
    if (parts > mostParts) return tooMuch(`it has more than ${mostParts} members and elements`)
    if (nested > MAX_NESTED_TEXT) return tooMuch("it nests too much text too deep")
  }
  return null
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

/** Index just behind the closing quote of the string that opens at `start`, or the text's end if it never closes. */
export function endOfString(text: string, start: number): number {
  return escapesOf(text, start, Infinity).end
}
const QUOTE = 0x22
const BACKSLASH = 0x5c
const SMALL_U = 0x75
