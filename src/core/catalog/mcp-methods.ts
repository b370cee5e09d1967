/**
 * Every message that MCP 2025-11-25, MCP 2026-07-28 and their extensions define between a client and a server, and what
 * is sent over streamable HTTP without a message: what it can return, and which entry of the catalog it is a call of. A
 * method without a row, or one that only servers send, is denied. `docs/reference/mcp-methods.md` is made from this.
 */
import type { Action } from "./tool.ts"

/** What the answer can contain, or the stream that it opens. */
export const RETURNS = {
  nothing: "an acknowledgement, or the server's own notices and requests",
  description: "the server's own description, and the names and definitions of what it has",
  entry: "the content of the one tool, resource or prompt that the message names",
  results: "results of earlier calls, of any tool of the server",
} as const
export type Returns = keyof typeof RETURNS

type Protocol = "2025-11-25" | "2026-07-28" | "tasks" | "apps"

interface McpMethod {
  readonly method: string
  /** Which messages of the method the row is about, if it has several. */
  readonly if?: string
  /** `host`: between a host and the page that it shows; nothing of it reaches a server. */
  readonly from: "client" | "server" | "either" | "host"
  /** By version, or by extension. */
  readonly of: readonly Protocol[]
  readonly returns: Returns
  /** The lifecycle tool that the client's message is a call of. Null: the entry that it names; or it is denied. */
  readonly tool: string | null
  /** The member of the params that names the entry, or the result. */
  readonly names?: "name" | "uri" | "taskId" | "ref" | "notifications" | "Last-Event-ID"
  /** Streamable HTTP repeats that member in `Mcp-Name`. */
  readonly inHeader?: true
  /** The message is repeated with answers to the server's own requests (`inputResponses`). */
  readonly answers?: true
  /** The lifecycle tool that a client's answer to the server's request is a call of. */
  readonly answer?: string
  /** Of the lifecycle tool; absent: `read`. `any`: the most far-reaching of the server's tools. */
  readonly action?: Action | "any"
}

const OLD = ["2025-11-25"] as const
const NEW = ["2026-07-28"] as const
const BOTH = [...OLD, ...NEW] as const
const TASKS = [...OLD, "tasks"] as const

export const MCP_METHODS = [
  { method: "initialize", from: "client", of: OLD, returns: "description", tool: "initialize" },
  { method: "ping", from: "either", of: OLD, returns: "nothing", tool: "ping", answer: "response" },
  { method: "server/discover", from: "client", of: NEW, returns: "description", tool: "discover" },
  { method: "tools/list", from: "client", of: BOTH, returns: "description", tool: "tools-list" },
  {
    method: "tools/call",
    from: "client",
    of: BOTH,
    returns: "entry",
    tool: null,
    names: "name",
    inHeader: true,
    answers: true,
  },
  { method: "resources/list", from: "client", of: BOTH, returns: "description", tool: "resources-list" },
  { method: "resources/templates/list", from: "client", of: BOTH, returns: "description", tool: "templates-list" },
  {
    method: "resources/read",
    from: "client",
    of: BOTH,
    returns: "entry",
    tool: null,
    names: "uri",
    inHeader: true,
    answers: true,
  },
  { method: "resources/subscribe", from: "client", of: OLD, returns: "entry", tool: null, names: "uri" },
  { method: "resources/unsubscribe", from: "client", of: OLD, returns: "nothing", tool: "unsubscribe" },
  { method: "prompts/list", from: "client", of: BOTH, returns: "description", tool: "prompts-list" },
  {
    method: "prompts/get",
    from: "client",
    of: BOTH,
    returns: "entry",
    tool: null,
    names: "name",
    inHeader: true,
    answers: true,
  },
  // A call of the tool, which is allowed only together with the entry.
  { method: "completion/complete", from: "client", of: BOTH, returns: "entry", tool: "complete", names: "ref" },
  { method: "logging/setLevel", from: "client", of: OLD, returns: "nothing", tool: "logging" },
  { method: "subscriptions/listen", from: "client", of: NEW, returns: "nothing", tool: "listen" },
  {
    method: "subscriptions/listen",
    if: "it names resources",
    from: "client",
    of: NEW,
    returns: "entry",
    tool: null,
    names: "notifications",
  },
  {
    method: "subscriptions/listen",
    if: "it names tasks",
    from: "client",
    of: ["tasks"],
    returns: "results",
    tool: "tasks-get",
    names: "notifications",
  },
  {
    method: "tasks/get",
    from: "either",
    of: TASKS,
    returns: "results",
    tool: "tasks-get",
    names: "taskId",
    inHeader: true,
    answer: "response",
  },
  {
    method: "tasks/result",
    from: "either",
    of: OLD,
    returns: "results",
    tool: "tasks-result",
    names: "taskId",
    answer: "response",
  },
  { method: "tasks/list", from: "either", of: OLD, returns: "results", tool: "tasks-list", answer: "response" },
  // What it answers goes to the tool that made the task, which goes on.
  {
    method: "tasks/update",
    from: "client",
    of: ["tasks"],
    returns: "results",
    tool: "tasks-update",
    names: "taskId",
    inHeader: true,
    answers: true,
    action: "any",
  },
  {
    method: "tasks/cancel",
    from: "either",
    of: TASKS,
    returns: "results",
    tool: "tasks-cancel",
    names: "taskId",
    inHeader: true,
    answer: "response",
    action: "write",
  },

  { method: "notifications/initialized", from: "client", of: OLD, returns: "nothing", tool: "notifications" },
  { method: "notifications/cancelled", from: "either", of: BOTH, returns: "nothing", tool: "notifications" },
  { method: "notifications/progress", from: "either", of: BOTH, returns: "nothing", tool: "notifications" },
  { method: "notifications/roots/list_changed", from: "client", of: OLD, returns: "nothing", tool: "notifications" },
  { method: "notifications/tasks/status", from: "either", of: OLD, returns: "nothing", tool: "notifications" },

  // A server sends these in an answer or on a stream, and what opened it was decided. Only the answer is a call.
  { method: "elicitation/create", from: "server", of: BOTH, returns: "nothing", tool: null, answer: "elicitation" },
  { method: "sampling/createMessage", from: "server", of: BOTH, returns: "nothing", tool: null, answer: "sampling" },
  { method: "roots/list", from: "server", of: BOTH, returns: "nothing", tool: null, answer: "roots" },
  { method: "notifications/message", from: "server", of: BOTH, returns: "nothing", tool: null },
  { method: "notifications/resources/updated", from: "server", of: BOTH, returns: "nothing", tool: null },
  { method: "notifications/resources/list_changed", from: "server", of: BOTH, returns: "nothing", tool: null },
  { method: "notifications/tools/list_changed", from: "server", of: BOTH, returns: "nothing", tool: null },
  { method: "notifications/prompts/list_changed", from: "server", of: BOTH, returns: "nothing", tool: null },
  { method: "notifications/elicitation/complete", from: "server", of: OLD, returns: "nothing", tool: null },
  { method: "notifications/subscriptions/acknowledged", from: "server", of: NEW, returns: "nothing", tool: null },
  { method: "notifications/tasks", from: "server", of: ["tasks"], returns: "nothing", tool: null },
  { method: "ui/*", from: "host", of: ["apps"], returns: "nothing", tool: null },

  // A server must not send a response on a stream that is not resumed (MCP 2025-11-25, "Transports").
  { method: "GET", from: "client", of: OLD, returns: "nothing", tool: "stream" },
  {
    method: "GET",
    if: "it resumes a stream",
    from: "client",
    of: OLD,
    returns: "results",
    tool: "resume",
    names: "Last-Event-ID",
  },
  { method: "DELETE", from: "client", of: OLD, returns: "nothing", tool: "end" },
] as const satisfies readonly McpMethod[]

type Row = (typeof MCP_METHODS)[number]
type Named<Key extends string> = Row extends infer Each
  ? Each extends Readonly<Record<Key, infer Name>>
    ? Name
    : never
  : never
/** The last segment of a lifecycle tool's name. */
export type LifecycleTool = Extract<Named<"tool"> | Named<"answer">, string>

export const METHODS: readonly (McpMethod & {
  readonly tool: LifecycleTool | null
  readonly answer?: LifecycleTool
})[] = MCP_METHODS

const sent = METHODS.filter(({ from, method }) => (from === "client" || from === "either") && !/^[A-Z]+$/.test(method))
/** The methods that a client may send, each as it is if nothing about its params makes it another row's. */
const OF_CLIENTS = new Map(sent.toReversed().map((row) => [row.method, row]))

/** Undefined if no client has the method. */
export const methodOfClient = (method: string): (typeof METHODS)[number] | undefined => OF_CLIENTS.get(method)

/** Whether only the body says what the message names: its header does not repeat it. */
export const isNamedInBody = (method: string): boolean =>
  sent.some((row) => row.method === method && row.names !== undefined && row.inHeader !== true)
