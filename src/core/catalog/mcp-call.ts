/**
 * Which entry of the catalog a message to an MCP server calls, by its JSON-RPC method. Source: the schemas of MCP
 * 2025-11-25 and 2026-07-28.
 */
import { deny, isDenied, type Denied } from "../denials/denied.ts"
import { asciiText } from "../encoding/display-text.ts"
import { isObject } from "../encoding/json.ts"
import { confusableKey } from "../encoding/name-folding.ts"
import { NO_ARGUMENTS, UNSEEN, UNSEEN_ARGUMENTS, type CallArguments, type Unseen } from "./arguments.ts"
import { lifecycleName } from "./lifecycle.ts"
import { methodOfClient, type LifecycleTool } from "./mcp-methods.ts"
import { kindOfResult } from "./mcp-response.ts"
import { catalogName, entryOfPrompt, type McpServer } from "./mcp-server.ts"
import { entryOfTemplate, matchResource } from "./resource-pattern.ts"

export interface McpCall {
  /** The tool's name in the catalog. */
  readonly tool: string
  readonly arguments: CallArguments
  /** The call was read from headers alone. */
  readonly byHeaders: boolean
  /**
   * Tools that it uses besides, each of which has to be permitted: the lifecycle tools of the answers to the server's own
   * requests that it has, or may have unseen; and the entry whose arguments it completes. Absent if none.
   */
  readonly besides?: readonly string[]
  /** The message's JSON-RPC method. Absent if it has none. */
  readonly mcpMethod?: string
}

export const refuse = (what: string): Denied => deny({ reason: "mcp_rejected", what })

/** @param values by what it asks for a result: the id of a task, of an event */
export function lifecycle(server: McpServer, tool: LifecycleTool, values?: CallArguments["values"]): McpCall {
  const args = values === undefined ? NO_ARGUMENTS : { complete: true, values }
  return { tool: lifecycleName(server.name, tool), arguments: args, byHeaders: false }
}

export type Members = Readonly<Record<string, unknown>>

/** An answer to a request of the server's own. */
export function responseCall(server: McpServer, message: Members): McpCall | Denied {
  if ("error" in message) {
    return "result" in message ? refuse("it is a result and an error") : lifecycle(server, "response")
  }
  if (!("result" in message)) return refuse("it has no method")
  const kind = kindOfResult(message["result"])
  return kind === null ? refuse("what kind of request it answers is ambiguous") : lifecycle(server, kind)
}

export function callOf(server: McpServer, method: string, params: Members, unseen: Unseen | null): McpCall | Denied {
  if (method === "resources/read" || method === "resources/subscribe") return resourceCall(server, params["uri"])
  if (method === "subscriptions/listen") return listenCall(server, params["notifications"])
  if (method === "completion/complete") return completionCall(server, params["ref"])
  if (method !== "tools/call" && method !== "prompts/get") return lifecycleCall(server, method, params["taskId"])
  const { name, arguments: args } = params
  const isPrompt = method === "prompts/get"
  if (typeof name !== "string") return refuse(`it names no ${isPrompt ? "prompt" : "tool"}`)
  if (args !== undefined && !isObject(args)) return refuse("its arguments are no object")
  const call = isPrompt ? promptCall : toolCall
  if (args === undefined) return call(server, name, NO_ARGUMENTS)
  return call(server, name, unseen ? { ...UNSEEN_ARGUMENTS, unseen } : { complete: true, values: args })
}

function promptCall(server: McpServer, name: string, args: CallArguments): McpCall | Denied {
  const entry = entryOfPrompt(server, name)
  return entry === null
    ? deny({ reason: "tool_unknown", called: `${server.name} prompt ${asciiText(name)}` })
    : { tool: entry, arguments: args, byHeaders: false }
}

function resourceCall(server: McpServer, uri: unknown): McpCall | Denied {
  if (typeof uri !== "string") return refuse("it names no resource")
  const matched = matchResource(server.resources ?? [], uri)
  // The URI is not shown: no entry says what of it is redacted.
  if (!matched) return deny({ reason: "tool_unknown", called: `${server.name} resource` })
  if ("objection" in matched) return refuse(`its URI ${matched.objection}`)
  return { tool: matched.tool, arguments: { complete: true, values: matched.values }, byHeaders: false }
}

/** Members of a filter that are read here, and the others that MCP 2026-07-28 defines. */
const FILTER_MEMBERS = [
  "resourceSubscriptions",
  "taskIds",
  "toolsListChanged",
  "promptsListChanged",
  "resourcesListChanged",
] as const
const isFilterMember = (name: string): boolean => FILTER_MEMBERS.some((each) => each === name)

/**
 * A subscription to resources is a call of their entry: its answers say when they change, and to what a client turns.
 * One to tasks returns what `tasks/get` would (the extension for tasks, "Task Status Notifications").
 */
function listenCall(server: McpServer, filter: unknown = {}): McpCall | Denied {
  if (!isObject(filter)) return refuse("its notifications are no object")
  if (confusableKey(filter, FILTER_MEMBERS) !== undefined) {
    return refuse("a member differs from a known one in its spelling only")
  }
  if (!Object.keys(filter).every(isFilterMember)) return refuse("it subscribes to what MCP does not define")
  const { resourceSubscriptions: uris = [], taskIds = [] } = filter
  if (!Array.isArray(uris) || !Array.isArray(taskIds)) return refuse("its subscriptions are no list")
  if (taskIds.length > 0) {
    return uris.length > 0
      ? refuse("it subscribes to resources and to tasks")
      : lifecycle(server, "tasks-get", { taskIds })
  }
  const [first, ...others] = new Set<unknown>(uris)
  if (first === undefined) return lifecycle(server, "listen")
  const call = resourceCall(server, first)
  if (isDenied(call)) return call
  for (const uri of others) {
    const other = resourceCall(server, uri)
    if (isDenied(other)) return other
    if (other.tool !== call.tool) return refuse("it subscribes to resources of several entries, not of one")
  }
  return others.length === 0 ? call : { ...call, arguments: { ...UNSEEN_ARGUMENTS, unseen: UNSEEN.several } }
}

/** The server answers with values of a prompt or of resources: so nobody is told those of an entry that they may not call. */
function completionCall(server: McpServer, ref: unknown): McpCall | Denied {
  if (!isObject(ref) || confusableKey(ref, ["type", "name", "uri"]) !== undefined) {
    return refuse(
      "what it completes is no reference, or has a member that differs from a known one in its spelling only",
    )
  }
  const { type, name, uri } = ref
  const isPrompt = type === "ref/prompt" && typeof name === "string" && uri === undefined
  const isResource = type === "ref/resource" && typeof uri === "string" && name === undefined
  if (!isPrompt && !isResource) return refuse("what it completes is neither a prompt nor a resource")
  const call = isPrompt ? promptCall(server, name, NO_ARGUMENTS) : referredResource(server, String(uri))
  return isDenied(call) ? call : { ...lifecycle(server, "complete"), besides: [call.tool] }
}

/** A resource, or a template of several. */
function referredResource(server: McpServer, uri: string): Pick<McpCall, "tool"> | Denied {
  if (!uri.includes("{")) return resourceCall(server, uri)
  const tool = entryOfTemplate(server.resources ?? [], uri)
  return tool === null ? deny({ reason: "tool_unknown", called: `${server.name} resource` }) : { tool }
}

function toolCall(server: McpServer, name: string, args: CallArguments): McpCall | Denied {
  const tool = catalogName(server, name)
  return tool === null
    ? deny({ reason: "tool_unknown", called: `${server.name}.${asciiText(name)}` })
    : { tool, arguments: args, byHeaders: false }
}

/** @param id of the task that the message names */
function lifecycleCall(server: McpServer, method: string, id: unknown): McpCall | Denied {
  const { tool, names } = methodOfClient(method) ?? {}
  if (!tool) return deny({ reason: "method_unknown", called: `${server.name} ${asciiText(method)}` })
  if (names !== "taskId") return lifecycle(server, tool)
  return typeof id === "string" ? lifecycle(server, tool, { taskId: id }) : refuse("it names no task")
}

/** @returns null if the method calls something by name, and there is none */
export function callByHeaders(server: McpServer, method: string, name: string | null): McpCall | Denied | null {
  if (methodOfClient(method)?.inHeader && name === null) return null
  const call = CALLS_BY_NAME.get(method)
  return call && name !== null ? call(server, name) : lifecycleCall(server, method, name)
}

const UNSEEN_BY_HEADERS: CallArguments = { ...UNSEEN_ARGUMENTS, unseen: UNSEEN.headers }

const CALLS_BY_NAME: ReadonlyMap<string, (server: McpServer, name: string) => McpCall | Denied> = new Map([
  ["tools/call", (server, name: string) => toolCall(server, name, UNSEEN_BY_HEADERS)],
  ["prompts/get", (server, name: string) => promptCall(server, name, UNSEEN_BY_HEADERS)],
  ["resources/read", resourceCall],
])
