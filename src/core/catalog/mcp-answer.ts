/**
 * Reads the answer of an untrusted MCP server: text → its JSON-RPC messages. It is read as clients read it, including
 * numbers that a double cannot hold: schemas have such, and a list that is not read protects nobody. An answer is
 * rejected if it would cost too much to build, which the text shows before anything is built, or if clients read it in
 * different ways: a key that occurs twice, of which some take the first (RFC 8259, section 4), or members of a message
 * in another case.
 */
import { confusableKey } from "../encoding/name-folding.ts"
import { scanJson, type ScanObjection, UNBOUNDED, type ScanRules } from "../encoding/json-scan.ts"
import { isObject } from "../encoding/json.ts"
import { MESSAGE_MEMBERS } from "./mcp-message.ts"

const RULES: ScanRules = {
  ...UNBOUNDED,
  // Twice the depth that calls may have: the schemas of arguments are deeper than the arguments.
  mostDepth: 128,
  numbers: "ignored",
}

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
  const scanned = scanJson(text, most, RULES)
  if (typeof scanned === "string") return scanned === "not_json" ? null : { objection: OBJECTIONS[scanned] ?? scanned }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return null
  }
  const messages: readonly unknown[] = Array.isArray(json) ? json : [json]
  const isMixed = messages.some((each) => isObject(each) && confusableKey(each, MESSAGE_MEMBERS) !== undefined)
  return isMixed ? { objection: OTHER_SPELLING } : { messages, parts: scanned.parts }
}

/** Those that `RULES` can find. */
const OBJECTIONS: Readonly<Partial<Record<ScanObjection, string>>> = {
  key_twice: "has a key twice",
  depth: "nests too deep",
  parts: "has too many parts",
}
export const OTHER_SPELLING = "has a member that differs from a known one in its spelling only"
