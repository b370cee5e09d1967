export interface McpServer {
  /** First segment of its tools' names. */
  readonly name: string
  readonly origin: string
  /** Path of its streamable HTTP endpoint at the gateway. */
  readonly path: string
  /** It has been shown to refuse a request whose `Mcp-*` headers and body differ (-32020), so its headers may be believed. */
  readonly enforces_headers: boolean
}
