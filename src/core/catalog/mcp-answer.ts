/**
 * What an MCP server that nobody trusts answers, as text → its JSON-RPC messages. Read as clients read it, numbers that
 * a double cannot hold among it: schemas have such, and a list that is not read protects nobody. Refused is what would
 * cost too much to build, seen from the text before anything is built of it, and what clients read in different ways: a
 * key that stands twice, of which some take the first (RFC 8259 4), and members of a message in another case.
 */
import { confusableKey } from "../encoding/name-folding.ts"
import { endOfString, isObject } from "../encoding/json.ts"
import { MESSAGE_MEMBERS } from "./mcp-server.ts"

/** Twice what calls may have: the schemas of the arguments are deeper than those. */
const MAX_DEPTH = 128

export interface Answered {
  /** MCP 2025-03-26 knows batches. */
  readonly messages: readonly unknown[]
  /** Members of objects, elements of arrays, and these themselves: each is dozens of bytes, however short its text. */
  readonly parts: number
}

/**
 * @param most parts that it may have
 * @returns null: it is no JSON; an objection in words that stand behind "it"
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

/** One pass over what may be any text: how many parts it has, unless there is something against it. */
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

/** "a" and "\u0061" are one key. Null: it is none. */
function textOf(string: string): string | null {
  if (!string.includes("\\")) return string.slice(1, -1)
  try {
    return String(JSON.parse(string))
  } catch {
    return null
  }
}
