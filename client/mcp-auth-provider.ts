import type { Task } from "./task.ts"

/** What both generations of the MCP SDK for TypeScript take as `authProvider`. */
export interface McpAuthProvider {
  readonly redirectUrl: undefined
  readonly clientMetadata: { redirect_uris: string[]; client_name: string }
  clientInformation(): { client_id: string }
  tokens(): Promise<{ access_token: string; token_type: string }>
  saveTokens(tokens: { access_token: string }): void
  redirectToAuthorization(url: URL): never
  saveCodeVerifier(verifier: string): void
  codeVerifier(): never
}

/** For clients that take an `authProvider` and no `fetch`. Of a bound task it takes `task.fetch`. */
export declare function mcpAuthProvider(task: Task): McpAuthProvider
