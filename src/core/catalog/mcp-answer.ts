/**
 * Reads the answer of an untrusted MCP server: text → its JSON-RPC messages. It is read as clients read it, including
 * numbers that a double cannot hold: schemas have such, and a list that is not read protects nobody. An answer is
 * rejected if it would cost too much to build, which the text shows before anything is built, or if clients read it in
 * different ways: a key that occurs twice, of which some take the first (RFC 8259, section 4), or members of a message
 * in another case.
 */
import { confusableKey } from "../encoding/name-folding.ts"
import { endOfString, isObject } from "../encoding/json.ts"
import { MESSAGE_MEMBERS } from "./mcp-server.ts"

/** Twice the depth that calls may have: the schemas of arguments are deeper than the arguments. */
const MAX_DEPTH = 128

export interface Answered {
  /** Several only in a batch, which MCP 2025-03-26 has. */
  readonly messages: readonly unknown[]
  /**
   * Members of objects, elements of arrays, and the objects and arrays themselves: each takes dozens of bytes, however
   * short its text.
   */
  readonly parts: number
}

/**
 * @param most parts that it may have
 * @returns null if the text is no JSON; or an objection, in words that follow "it"
 */
export function readAnswer(text: string, most: number): Answered | { readonly objection: string } | null {
  const seen = survey(text, most)
  if (typeof seen !== "number") return seen
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  const messages: readonly unknown[] = Array.isArray(json) ? json : [json]
  const isMixed = messages.some((each) => isObject(each) && confusableKey(each, MESSAGE_MEMBERS) !== undefined)
  return isMixed ? { objection: OTHER_CASE } : { messages, parts: seen }
}

export const OTHER_CASE = "has a member that differs from a known one in case only"

/** Goes once through any text: counts its parts, unless there is an objection. */
function survey(text: string, most: number): number | { readonly objection: string } | null {
  /** Keys seen in each open object; null for an open array. */
  const open: (Set<string> | null)[] = []
  let parts = 0
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
        const end = endOfString(text, index)
        if (expectsKey) {
          const key = textOf(text.slice(index, end))
          if (key === null) return null
          const keys = open.at(-1)
          if (keys?.has(key)) return { objection: "has a key twice" }
          keys?.add(key)
          expectsKey = false
        }
        index = end - 1
        break
      }
      default:
    }
    if (open.length > MAX_DEPTH) return { objection: "nests too deep" }
    if (parts > most) return { objection: "has too many parts" }
  }
  return parts
}

/** "a" and "\u0061" are one key. Null if the text is no string of JSON. */
function textOf(string: string): string | null {
  if (!string.includes("\\")) return string.slice(1, -1)
  try {
    return String(JSON.parse(string))
  } catch {
    return null
  }
}
