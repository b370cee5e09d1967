/**
 * What a client answers to the server's own requests. An answer does not say what it answers, so its members do. In MCP
 * 2025-11-25 a client posts it as a JSON-RPC response; in MCP 2026-07-28 it is in `inputResponses` of the repeated
 * request. Source: `ElicitResult`, `CreateMessageResult` and `ListRootsResult` of both schemas.
 */
import { isObject } from "../encoding/json.ts"
import { confusableKey } from "../encoding/name-folding.ts"
import type { LifecycleTool } from "./mcp-methods.ts"

export const ANSWERS = ["elicitation", "sampling", "roots"] as const satisfies readonly LifecycleTool[]
type AnswerKind = (typeof ANSWERS)[number]

/** The members by which each is known; `content` is in more than one of them. */
const MEMBERS: Readonly<Record<AnswerKind, readonly string[]>> = {
  elicitation: ["action"],
  sampling: ["role", "model", "stopReason"],
  roots: ["roots"],
}
const ALL = [...Object.values(MEMBERS).flat(), "content"]

/** @returns null if the server could take it for one of several, or reads members in another case */
export function kindOfResult(result: unknown): AnswerKind | "response" | null {
  if (!isObject(result)) return "response"
  if (confusableKey(result, ALL) !== undefined) return null
  const [kind, ...others] = ANSWERS.filter((each) => MEMBERS[each].some((member) => Object.hasOwn(result, member)))
  if (others.length > 0) return null
  return kind ?? (Object.hasOwn(result, "content") ? null : "response")
}

const NONE: readonly AnswerKind[] = []

/** Under this key a client is asked by us to show its user where to approve, and answers that it has. */
export const APPROVAL_KEY = "narrowgate.approval"

/** The answer to that, which tells the server nothing. With anything else in it, it is judged as one to the server. */
function isOurs(key: string, answer: unknown): boolean {
  return key === APPROVAL_KEY && isObject(answer) && Object.keys(answer).join() === "action"
}

/** @returns the kinds of all answers to the server in `inputResponses`; null if one of them is of no kind that is known */
export function kindsOfInputResponses(responses: unknown): readonly AnswerKind[] | null {
  if (responses === undefined) return NONE
  if (!isObject(responses)) return null
  const kinds = new Set<AnswerKind>()
  for (const [key, each] of Object.entries(responses)) {
    if (isOurs(key, each)) continue
    const kind = kindOfResult(each)
    if (kind === null || kind === "response") return null
    kinds.add(kind)
  }
  return [...kinds]
}
