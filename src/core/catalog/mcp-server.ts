/** An MCP server of the catalog: where it is, and which entries are its tools, resources and prompts. */
import { LIFECYCLE_SEGMENT } from "./lifecycle.ts"
import type { ResourceEntry } from "./resource-pattern.ts"

export interface McpServer {
  /** The first segment of its tools' names. */
  readonly name: string
  readonly origin: string
  /** The path of its streamable HTTP endpoint at the gateway. */
  readonly path: string
  /**
   * The server has been shown to reject a request whose `Mcp-*` headers and body differ (-32020), so its headers may be
   * believed.
   */
  readonly enforces_headers: boolean
  /** The entries of its resources and of its prompts; absent if the catalog has none. */
  readonly resources?: readonly ResourceEntry[]
  readonly prompts?: readonly PromptEntry[]
  /** The catalog lists an entry for answers to the server's own requests (mcp-response.ts), so these have to be seen. */
  readonly judges_answers?: true
  /**
   * How a probe checks at intervals what tools the server has, and whether it enforces headers; absent if no probe
   * does.
   */
  readonly probe?: Probe
}

/**
 * Of `Last-Event-ID`. A longer one is denied before any credential is looked at. So a call without a token shows whether
 * a gateway relays the header (`narrowgate doctor`): if not, a client resumes a stream as if it opened a new one.
 */
export const MAX_EVENT_ID_LENGTH = 1_024

export interface PromptEntry {
  readonly tool: string
  /** The server's own name of the prompt. */
  readonly prompt: string
}

export interface Probe {
  /** The server's endpoint as Narrowgate itself reaches it, not through the gateway. */
  readonly url: string
  /** Name of the variable that holds the value of `Authorization`; absent if none is sent. */
  readonly secret?: string
}

/** Names that `secret` may have: a bundle must not be able to send the Worker's other secrets anywhere. */
export const PROBE_SECRET = /^PROBE_[A-Z0-9_]{1,58}$/

/** A tool's own name, as it may follow `server.` in the catalog. */
const TOOL_NAME = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/

/** Returns the name of a server's own tool in the catalog; null if no tool of a catalog can have that name. */
export function catalogName(server: NamedServer, name: string): string | null {
  // A server's own tool must not pass for a lifecycle tool.
  if (!TOOL_NAME.test(name) || name.split(".")[0] === LIFECYCLE_SEGMENT) return null
  const entry = `${server.name}.${name}`
  return isOtherEntry(server, entry) ? null : entry
}

type NamedServer = Pick<McpServer, "name" | "resources" | "prompts">

/** Whether the catalog's entry is a resource or a prompt: a tool of that name is none of the catalog. */
export function isOtherEntry(server: NamedServer, entry: string): boolean {
  const { resources = [], prompts = [] } = server
  if (resources.length === 0 && prompts.length === 0) return false
  let others = otherEntries.get(server)
  if (!others) otherEntries.set(server, (others = new Set([...resources, ...prompts].map(({ tool }) => tool))))
  return others.has(entry)
}
/** Servers belong to a bundle, and have many calls. */
const otherEntries = new WeakMap<NamedServer, ReadonlySet<string>>()

/** Returns the entry of a prompt; null if the catalog has none. */
export function entryOfPrompt({ prompts = [] }: McpServer, name: string): string | null {
  return prompts.find(({ prompt }) => prompt === name)?.tool ?? null
}
