/**
 * The class that a tool of an MCP server suggests of itself, and why: by its annotations (MCP 2025-11-25,
 * "ToolAnnotations"), otherwise by the verb with which its name begins. Both are claims of the server, which a person
 * confirms. Without either, a tool may be destructive and reach anywhere, as the specification says.
 */
import { z } from "zod"
import { isObject } from "../../../src/core/encoding/json.ts"
import type { Action } from "../../../src/core/catalog/tool.ts"
import type { Suggestion } from "../found-tools.ts"

export const SINK = "sink:external"

const hint = z.boolean().optional().catch(undefined)
const annotations = z.object({ readOnlyHint: hint, destructiveHint: hint, openWorldHint: hint }).catch({})

/** @param name the server's own */
export function suggestionOf(name: string, declared: unknown): Suggestion {
  const { openWorldHint, ...hints } = annotations.parse(isObject(declared) ? declared : {})
  const { action, because } = actionOf(name, hints)
  // By its server's claim a tool that only reads sends nothing out.
  return { action, because, labels: action === "read" || openWorldHint === false ? [] : [SINK] }
}

function actionOf(
  name: string,
  { readOnlyHint, destructiveHint }: Omit<z.infer<typeof annotations>, "openWorldHint">,
): Pick<Suggestion, "action" | "because"> {
  if (readOnlyHint === true) return { action: "read", because: "readOnlyHint" }
  if (destructiveHint === true) return { action: "execute", because: "destructiveHint" }
  if (destructiveHint === false) return { action: "write", because: "destructiveHint: false" }
  const verb = verbOf(name)
  const action = VERBS.get(verb)
  // A hint that it does not only read is worth more than a name.
  if (action === undefined || (action === "read" && readOnlyHint === false)) {
    return { action: "execute", because: "nothing says what it changes" }
  }
  return { action, because: `name begins with "${verb}"` }
}

/** `createIssue`, `create_issue` and `CREATE-ISSUE` begin with the same word. */
function verbOf(name: string): string {
  return (/^[A-Z]?[a-z]+|^[A-Z]+(?![a-z])/u.exec(name)?.[0] ?? "").toLowerCase()
}

const WORDS: Readonly<Record<Action, string>> = {
  read: "check count describe fetch find get list lookup query read search show view",
  write:
    "add append assign comment create edit insert invite make move post put reply save send set share submit update upload write",
  execute: "delete destroy drop erase exec execute kill purge remove reset revoke run",
}
const VERBS: ReadonlyMap<string, Action> = new Map(
  (["read", "write", "execute"] as const).flatMap((action) =>
    WORDS[action].split(" ").map((verb) => [verb, action] as const),
  ),
)
