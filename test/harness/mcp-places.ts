/**
 * MCP servers that the probe is sent to (test/node/mcp-servers.ts): real ones, and places that answer as they are told.
 */
import { inject } from "vitest"

export interface Told {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** `$ID` is the request's id, `$COUNT` how many of that method came. Sent one by one. */
  readonly chunks?: readonly string[]
  /** How often all chunks are sent. */
  readonly repeat?: number
  /** Milliseconds before each chunk. */
  readonly delay?: number
  /** It never answers. */
  readonly hangs?: true
  /** It never ends its answer. */
  readonly open?: true
}

export interface Asked {
  readonly method: string
  readonly rpc: string
  readonly version: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: { readonly id?: number; readonly params?: unknown }
}

const { told } = inject("mcpServers")

/** By `<method> <protocol version>`, `<method>`, `mismatch`, `mismatch <method>`, `DELETE`, or `*`. */
export type Script = Readonly<Record<string, Told>>

export class McpPlace {
  readonly path = `/${crypto.randomUUID()}`
  readonly url = told + this.path

  async answers(script: Script): Promise<void> {
    await fetch(this.url, { method: "PUT", body: JSON.stringify(script) })
  }

  async asked(): Promise<readonly Asked[]> {
    return (await fetch(this.url)).json()
  }
}

/** What the real server of MCP 2026-07-28 says of its tool `search`; null: what it said at first. */
export async function describeSearch(description: string | null): Promise<void> {
  await fetch(`${told}/desk`, { method: "PUT", body: JSON.stringify(description) })
}

const answer = (part: object): string => JSON.stringify({ jsonrpc: "2.0", id: "ID", ...part }).replace('"ID"', "$ID")
export const json = (part: object, more: Told = {}): Told => ({ chunks: [answer(part)], ...more })
export const list = (tools: readonly object[], more: object = {}): Told => json({ result: { tools, ...more } })
export const events = (...chunks: readonly string[]): Told => ({
  headers: { "content-type": "text/event-stream" },
  chunks,
})
export const eventOf = (part: object): string => `event: message\ndata: ${answer(part)}\n\n`

export const MISMATCH = json({ error: { code: -32_020, message: "headers and body differ" } }, { status: 400 })
export const UNKNOWN = json({ error: { code: -32_601, message: "unknown" } }, { status: 400 })
