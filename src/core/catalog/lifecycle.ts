/**
 * Lifecycle and discovery of MCP as tools of their own, so that they too are granted, permitted and recorded. Every
 * server of the catalog has them; an operator overrides one by listing it among the tools.
 */
import type { Tool } from "./tool.ts"

/** The last segment of each name; the comment names the request that it stands for. */
export const LIFECYCLE_TOOLS = [
  "initialize", // the JSON-RPC method of that name
  "ping",
  "notifications", // every `notifications/*`
  "discover", // `server/discover` (MCP 2026-07-28)
  "tools-list", // `tools/list`
  "resources-list", // `resources/list`
  "templates-list", // `resources/templates/list`
  "prompts-list", // `prompts/list`
  "unsubscribe", // `resources/unsubscribe`
  "listen", // `subscriptions/listen` that names no resource (MCP 2026-07-28)
  "complete", // `completion/complete`
  "logging", // `logging/setLevel`
  "tasks", // `tasks/*`, of MCP 2025-11-25 and of the extension `io.modelcontextprotocol/tasks`
  "stream", // the GET that opens a stream
  "end", // the DELETE that ends a session
  "elicitation", // a client's response to the server's `elicitation/create`
  "sampling", // the same to `sampling/createMessage`
  "roots", // the same to `roots/list`
  "response", // any other POSTed JSON-RPC response to the server's own request
] as const
export type LifecycleTool = (typeof LIFECYCLE_TOOLS)[number]

const LIFECYCLE_OF_METHOD: ReadonlyMap<string, LifecycleTool> = new Map([
  ["initialize", "initialize"],
  ["ping", "ping"],
  ["server/discover", "discover"],
  ["tools/list", "tools-list"],
  ["resources/list", "resources-list"],
  ["resources/templates/list", "templates-list"],
  ["prompts/list", "prompts-list"],
  ["resources/unsubscribe", "unsubscribe"],
  ["subscriptions/listen", "listen"],
  ["completion/complete", "complete"],
  ["logging/setLevel", "logging"],
  ["tasks/get", "tasks"],
  ["tasks/result", "tasks"],
  ["tasks/list", "tasks"],
  ["tasks/update", "tasks"],
  ["tasks/cancel", "tasks"],
])

const NOTIFICATION = "notifications/"

/** Returns null for a method that MCP does not know, or that calls a tool, a resource or a prompt. */
export function lifecycleOfMethod(method: string): LifecycleTool | null {
  return method.startsWith(NOTIFICATION) ? "notifications" : (LIFECYCLE_OF_METHOD.get(method) ?? null)
}

/** The second segment of their names. A server's own tool must not begin with it, or it would pass for one of these. */
export const LIFECYCLE_SEGMENT = "mcp"

/** Those that clients send. */
const NOTIFICATIONS: ReadonlySet<string> = new Set([
  "notifications/cancelled",
  "notifications/initialized",
  "notifications/progress",
  "notifications/roots/list_changed",
  "notifications/tasks/status",
])

/** @param method of a message that was read: a request's is defined, but a notification can have any name */
export const isDefinedMethod = (method: string): boolean =>
  !method.startsWith(NOTIFICATION) || NOTIFICATIONS.has(method)

const LIFECYCLE_GROUP = "mcp-lifecycle"

export function lifecycleName(server: string, tool: LifecycleTool): string {
  return `${server}.${LIFECYCLE_SEGMENT}.${tool}`
}

/**
 * The default lifecycle tools of one server. They cost nothing: a chatty transport must not exhaust a task's budget.
 */
export function lifecycleTools(server: string): Tool[] {
  return LIFECYCLE_TOOLS.map((tool) => ({
    name: lifecycleName(server, tool),
    server,
    action: "read",
    sensitivity: "public",
    labels: [],
    groups: [LIFECYCLE_GROUP],
    cost: 0,
    redact: [],
  }))
}

const PREFIX = `${LIFECYCLE_SEGMENT}.`
const LIFECYCLE: ReadonlySet<string> = new Set(LIFECYCLE_TOOLS)

export function isLifecycle(tool: Pick<Tool, "name" | "server">): boolean {
  const start = tool.server.length + 1
  return tool.name.startsWith(PREFIX, start) && LIFECYCLE.has(tool.name.slice(start + PREFIX.length))
}
