/**
 * Tests whether the server rejects a request whose `Mcp-*` headers and body differ (MCP 2026-07-28, "Server
 * validation"). It tries both headers on which an authorizer without the body relies. What it calls and reads does not
 * exist, so a server that ignores its headers does nothing either.
 */
import { z } from "zod"
import type { BoundedFetch } from "./bounded-fetch.ts"

const VERSION = "2026-07-28"
const HEADER_MISMATCH = -32_020

const META = {
  "io.modelcontextprotocol/protocolVersion": VERSION,
  "io.modelcontextprotocol/clientInfo": { name: "narrowgate-import", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {},
}

type Offered = Readonly<Record<"resources" | "prompts", boolean>>

interface HeaderProbe {
  readonly header: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: object
  /** Absent: every server is asked. */
  readonly of?: keyof Offered
}

const PROBES: readonly HeaderProbe[] = [
  {
    header: "Mcp-Method",
    headers: { "mcp-method": "prompts/list" },
    body: { method: "tools/list", params: { _meta: META } },
  },
  {
    header: "Mcp-Name",
    headers: { "mcp-method": "tools/call", "mcp-name": "narrowgate-probe-header" },
    body: { method: "tools/call", params: { name: "narrowgate-probe-body", arguments: {}, _meta: META } },
  },
  {
    header: "Mcp-Name of a resource",
    headers: { "mcp-method": "resources/read", "mcp-name": "narrowgate:probe-header" },
    body: { method: "resources/read", params: { uri: "narrowgate:probe-body", _meta: META } },
    of: "resources",
  },
  {
    header: "Mcp-Name of a prompt",
    headers: { "mcp-method": "prompts/get", "mcp-name": "narrowgate-probe-header" },
    body: { method: "prompts/get", params: { name: "narrowgate-probe-body", _meta: META } },
    of: "prompts",
  },
]

const refusal = z.object({ jsonrpc: z.literal("2.0"), error: z.object({ code: z.literal(HEADER_MISMATCH) }) })

export async function enforcement(
  url: URL,
  { fetch }: BoundedFetch,
  offered: Offered,
): Promise<{ enforces: boolean; how: string }> {
  for (const { header, headers, body, of } of PROBES) {
    if (of && !offered[of]) continue
    const response = await fetch(url, {
      method: "POST",
      headers: {
        ...headers,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": VERSION,
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: "narrowgate-probe", ...body }),
    }).catch(() => null)
    const what = `${header} that differs from the body`
    if (!response) return { enforces: false, how: `${what}: no answer` }
    if (response.status !== 400) {
      await response.body?.cancel()
      return { enforces: false, how: `${what}: HTTP ${response.status}` }
    }
    const text = await response.text().catch(() => "")
    if (!refusal.safeParse(json(text)).success) {
      return { enforces: false, how: `${what}: HTTP 400 without the error ${HEADER_MISMATCH}` }
    }
  }
  return {
    enforces: true,
    how: `a request whose Mcp-Method or Mcp-Name differs from its body is rejected with ${HEADER_MISMATCH}`,
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
