/**
 * JSON read in one way only. The platform's parser keeps the last of two equal keys and rounds long integers; the
 * upstream's may keep the first, and may not round. So what I-JSON rules out is refused here: a key that stands twice
 * in an object, an integer beyond 2^53 - 1, a number beyond a double. Source: RFC 8259 4, 6; RFC 7493 2.2, 2.3.
 */
import { deny, type Denied } from "./decision.ts"
import { fold } from "./fold.ts"

/** Deeper nesting than any tool's arguments need. */
const MAX_DEPTH = 64

export function parseJson(text: string): { readonly json: unknown } | Denied {
  const read = readJson(text)
  return "objection" in read ? deny({ reason: "body_rejected", what: read.objection }) : read
}

/** The same for what is no body: with the objection alone. */
export function readJson(text: string): { readonly json: unknown } | { readonly objection: string } {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return { objection: "it is not JSON" }
  }
  const objection = objectionTo(text)
  return objection === null ? { json } : { objection }
}

const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json(?: *; *charset="?utf-8"?)?$/i

/** One media type, JSON in UTF-8: of two, or of another encoding, a reader may take what we did not. */
export function isJsonType(contentType: string | null): boolean {
  return contentType !== null && JSON_TYPE.test(contentType)
}

export function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === "object" && json !== null && !Array.isArray(json)
}

function isExact(number: string): boolean {
  const value = Number(number)
  return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value)
}

/** The text of a JSON string that is known to be one. */
function readString(json: string): string {
  return String(JSON.parse(json))
}

const NUMBER = /-?[0-9][0-9.eE+-]*/y

/** One pass over text that is known to be JSON. */
function objectionTo(text: string): string | null {
  /** Keys seen in each open object; null for an open array. */
  const open: (Set<string> | null)[] = []
  // Most texts have none; their strings end at the next quote and mean what they spell.
  const escapes = text.includes("\\")
  let expectsKey = false
  for (let index = 0; index < text.length; index++) {
    switch (text.charAt(index)) {
      case "{":
        open.push(new Set())
        expectsKey = true
        break
      case "[":
        open.push(null)
        expectsKey = false
        break
      case "}":
      case "]":
        open.pop()
        expectsKey = false
        break
      case ",":
        expectsKey = open.at(-1) instanceof Set
        break
      case '"': {
        const end = escapes ? endOfString(text, index) : text.indexOf('"', index + 1) + 1
        if (expectsKey) {
          // Escapes are resolved first: "a" and "\u0061" are one key.
          const key = fold(escapes ? readString(text.slice(index, end)) : text.slice(index + 1, end - 1))
          const keys = open.at(-1)
          if (keys?.has(key)) return "it has a key twice, or two that some readers take for one"
          if (key === "__proto__") return "it has a key that no object may have"
          keys?.add(key)
          expectsKey = false
        }
        // Half a surrogate pair is no character: readers replace it, or fail (RFC 7493 2.1).
        if (escapes && text.slice(index, end).includes("\\u") && !readString(text.slice(index, end)).isWellFormed()) {
          return "it has half a character"
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
        NUMBER.lastIndex = index
        const number = NUMBER.exec(text)?.[0] ?? ""
        if (!isExact(number)) return "it has a number that is not exact as a double"
        index += number.length - 1
        break
      }
      default:
    }
    if (open.length > MAX_DEPTH) return "it nests too deep"
  }
  return null
}

/** Index just behind the closing quote of the string that opens at `start`, or the text's end where it never closes. */
export function endOfString(text: string, start: number): number {
  let index = start + 1
  while (index < text.length && text[index] !== '"') index += text[index] === "\\" ? 2 : 1
  return Math.min(index + 1, text.length)
}
