/** What an upstream received: the proof that no delegation token and no forged identity reaches one. */
import type { IncomingHttpHeaders } from "node:http"

export interface Received {
  /** The JSON-RPC method at an MCP server, the HTTP method at an API. */
  readonly method: string
  /** The tool's name, or empty if the method has none, at an MCP server; path and query at an API. */
  readonly name: string
  /** Those that carry identity or a credential, as they arrived. */
  readonly headers: Readonly<Record<string, string>>
}

/** In every spelling that some server takes for the same name: `X_Narrowgate_Agent`, `X.Narrowgate.Agent`. */
const TELLING = /^(?:x-narrowgate(?:-.*)?|authorization|dpop|txn-token)$/

export function tellingHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers)
      .filter(([name]) => TELLING.test(name.replaceAll(/[_.]/g, "-")))
      .map(([name, value]) => [name, String(value)]),
  )
}
