/**
 * Reads the answer to MCP's `tools/list`: which tools it names, and the same answer without some of them. It is read as
 * strictly as a call: if a client could read it otherwise, it could see a tool that is to be hidden. (`Tools` beside
 * `tools` is a duplicate key to json.ts; `Tools` alone is no known member.) Source: MCP 2025-11-25 and 2026-07-28,
 * "Tools", "Listing Tools".
 */
import { deny, isDenied, type Denied } from "../denials/denial.ts"
import { confusableKey } from "../encoding/name-folding.ts"
import { isObject } from "../encoding/json.ts"
import { parseJson } from "./json-body.ts"
import { MESSAGE_MEMBERS } from "./mcp-server.ts"

type Members = Readonly<Record<string, unknown>>

export interface ListedTool {
  /** The server's own name of the tool. */
  readonly name: string
  /** The server's definition of the tool, including its name. */
  readonly tool: Members
}

export interface ToolList {
  /** In the server's order. */
  readonly listed: readonly ListedTool[]
  /** Returns the JSON of the answer with only the tools for which `isKept` is true; everything else is unchanged. */
  readonly keeping: (isKept: (name: string) => boolean) => string
}

/** Members of the result that are read here. */
export const LIST_MEMBERS = ["tools", "nextCursor"] as const

/** Whether the entry has more than a name: a list of names alone does not define the tools. */
export function isDefinition({ tool }: ListedTool): boolean {
  return Object.keys(tool).length > 1
}

const refuse = (what: string): Denied => deny({ reason: "mcp_rejected", what })

/** Members and elements of a list: two hundred tools, each with a schema of a hundred. */
const MOST_LISTED = 20_000

export function readToolList(text: string): ToolList | Denied {
  const parsed = parseJson(text, MOST_LISTED)
  if ("denied" in parsed) return parsed
  const message = parsed.json
  if (Array.isArray(message)) return refuse("it is a batch")
  if (!isObject(message) || message["jsonrpc"] !== "2.0") return refuse("it is no JSON-RPC 2.0 message")
  const { result } = message
  if ("method" in message || "error" in message || !isObject(result)) return refuse("it is no answer with a result")
  if (confusableKey(message, MESSAGE_MEMBERS) !== undefined || confusableKey(result, LIST_MEMBERS) !== undefined) {
    return refuse("a member differs from a known one in case only")
  }
  const tools = readTools(result["tools"])
  if (isDenied(tools)) return tools
  return {
    listed: tools,
    keeping: (isKept) => {
      const remaining = tools.filter(({ name }) => isKept(name)).map(({ tool }) => tool)
      return JSON.stringify({ ...message, result: { ...result, tools: remaining } })
    },
  }
}

function readTools(tools: unknown): readonly ListedTool[] | Denied {
  if (!Array.isArray(tools)) return refuse("its result lists no tools")
  const listed: ListedTool[] = []
  for (const tool of tools) {
    if (!isObject(tool)) return refuse("one of its tools is none")
    const { name } = tool
    if (typeof name !== "string") return refuse("one of its tools has no name")
    listed.push({ name, tool })
  }
  return listed
}
