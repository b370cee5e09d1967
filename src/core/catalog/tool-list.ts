/**
 * Reads what a server sends in answer to one of MCP's requests for a list (`tools/list`, `resources/list`,
 * `resources/templates/list`, `prompts/list`): what it names, and the same answer without some of it. It is read as
 * strictly as a call: if a client could read it otherwise, it could see a tool that is to be hidden. (`Tools` beside
 * `tools` is a duplicate key to json.ts; `Tools` alone is no known member.) Source: MCP 2025-11-25 and 2026-07-28.
 */
import { deny, isDenied, type Denied } from "../denials/denial.ts"
import { confusableKey } from "../encoding/name-folding.ts"
import { isObject, readListJson } from "../encoding/json.ts"
import { lifecycleName } from "./lifecycle.ts"
import type { LifecycleTool } from "./mcp-methods.ts"
import { refuse, type Members } from "./mcp-call.ts"
import { MESSAGE_MEMBERS } from "./mcp-message.ts"
import { catalogName, entryOfPrompt, type McpServer } from "./mcp-server.ts"
import { entryOfTemplate, matchResource } from "./resource-pattern.ts"

interface ListTraits {
  /** The lifecycle tool of the request for such a list. */
  readonly lifecycle: LifecycleTool
  /** The member by which the server names what it lists. */
  readonly key: string
  /** Returns the entry of the catalog, and the arguments if they are known beforehand; null if there is none. */
  readonly entry: (server: McpServer, key: string) => ListedEntry | null
}

export interface ListedEntry {
  readonly tool: string
  /** Absent if a call may have any. */
  readonly values?: Readonly<Record<string, string>>
}

const named = (tool: string | null): ListedEntry | null => (tool === null ? null : { tool })

/** By the member of the result that is the list. */
export const LISTS = {
  tools: { lifecycle: "tools-list", key: "name", entry: (server, name) => named(catalogName(server, name)) },
  resources: {
    lifecycle: "resources-list",
    key: "uri",
    entry: ({ resources = [] }, uri) => {
      const matched = matchResource(resources, uri)
      return matched && "tool" in matched ? matched : null
    },
  },
  resourceTemplates: {
    lifecycle: "templates-list",
    key: "uriTemplate",
    entry: ({ resources = [] }, template) => named(entryOfTemplate(resources, template)),
  },
  prompts: { lifecycle: "prompts-list", key: "name", entry: (server, name) => named(entryOfPrompt(server, name)) },
} as const satisfies Readonly<Record<string, ListTraits>>
export type ListKind = keyof typeof LISTS
const KINDS = ["tools", "resources", "resourceTemplates", "prompts"] as const satisfies readonly ListKind[]

/** Returns the server whose list a lifecycle tool requests; null for any other tool. */
export function serverListedBy(tool: string): string | null {
  const found = KINDS.map((kind) => lifecycleName("", LISTS[kind].lifecycle)).find((end) => tool.endsWith(end))
  return found === undefined ? null : tool.slice(0, -found.length)
}

export interface ListedItem {
  /** The server's own name of the tool or the prompt, or the URI or template of a resource. */
  readonly key: string
  /** The server's definition, including its key. */
  readonly definition: Members
}

export interface ServerList {
  readonly kind: ListKind
  /** In the server's order. */
  readonly listed: readonly ListedItem[]
  /** Returns the JSON of the answer with only the items for which `isKept` is true; everything else is unchanged. */
  readonly keeping: (isKept: (key: string) => boolean) => string
}

/** A message that lists nothing: the server's error, or one that is no answer, such as a notification. */
export interface Unlisted {
  readonly kind: "error" | "other"
}

/** Members of the result that are read here. */
export const LIST_MEMBERS = [...KINDS, "nextCursor"] as const

/** Whether the item has more than a name: a list of names alone does not define the tools. */
export function isDefinition({ definition }: ListedItem): boolean {
  return Object.keys(definition).length > 1
}

/** Members and elements of a list: two hundred tools, each with a schema of a hundred. */
const MOST_LISTED = 20_000

export function readServerMessage(text: string): ServerList | Unlisted | Denied {
  const parsed = readListJson(text, MOST_LISTED)
  if ("objection" in parsed) return deny({ reason: "body_rejected", what: parsed.objection })
  const message = parsed.json
  if (Array.isArray(message)) return refuse("it is a batch")
  if (!isObject(message) || message["jsonrpc"] !== "2.0") return refuse("it is no JSON-RPC 2.0 message")
  if (confusableKey(message, MESSAGE_MEMBERS) !== undefined) return refuse(MISSPELT)
  const { method, error, result } = message
  if (result === undefined && isObject(error) && method === undefined) return { kind: "error" }
  if (result === undefined && error === undefined && typeof method === "string") return { kind: "other" }
  if (method !== undefined || error !== undefined || !isObject(result)) return refuse("it is no answer with a result")
  if (confusableKey(result, LIST_MEMBERS) !== undefined) return refuse(MISSPELT)
  const [kind, ...others] = KINDS.filter((each) => Object.hasOwn(result, each))
  if (kind === undefined) return refuse("its result lists no tools")
  if (others.length > 0) return refuse("its result has several lists")
  const listed = readItems(result[kind], LISTS[kind].key)
  if (isDenied(listed)) return listed
  return {
    kind,
    listed,
    keeping: (isKept) => {
      const remaining = listed.filter(({ key }) => isKept(key)).map(({ definition }) => definition)
      // MCP 2026-07-28: a cache may give what is public to any other caller, and this is for one.
      const scope = Object.hasOwn(result, "cacheScope") ? { cacheScope: "private" } : {}
      return JSON.stringify({ ...message, result: { ...result, ...scope, [kind]: remaining } })
    },
  }
}

const MISSPELT = "a member differs from a known one in its spelling only"

function readItems(items: unknown, key: string): readonly ListedItem[] | Denied {
  if (!Array.isArray(items)) return refuse("what its result lists is no list")
  const listed: ListedItem[] = []
  for (const definition of items) {
    if (!isObject(definition)) return refuse("one of what it lists is no object")
    const name = definition[key]
    if (typeof name !== "string") return refuse(`one of what it lists has no ${key}`)
    listed.push({ key: name, definition })
  }
  return listed
}
