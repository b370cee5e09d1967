/** The task as what both generations of the MCP SDK for TypeScript take for an OAuth client. */
import { NarrowgateError } from "./errors.ts"
import { LiveTask } from "./live-task.ts"
import type { Task } from "./task.ts"

/** Of an `OAuthClientProvider` what the SDKs use of one that needs no user. */
export interface McpAuthProvider {
  readonly redirectUrl: undefined
  readonly clientMetadata: { redirect_uris: string[]; client_name: string }
  clientInformation(): { client_id: string; issuer: string }
  discoveryState(): Promise<{ authorizationServerUrl: string }>
  saveDiscoveryState(): void
  validateResourceURL(): Promise<undefined>
  tokens(): Promise<{ access_token: string; token_type: string; scope: string; issuer: string }>
  saveTokens(tokens: { access_token: string; expires_in?: number | undefined }): void
  prepareTokenRequest(): Promise<URLSearchParams>
  addClientAuthentication(headers: Headers, params: URLSearchParams, url: string | URL): Promise<void>
  redirectToAuthorization(): never
  saveCodeVerifier(): void
  codeVerifier(): never
}

/** Seconds, if the token endpoint states none. */
const SHORT_LIFE = 60

/**
 * For a client that takes an `authProvider` and no `fetch`: give others `task.fetch`, which proves a key too. If the
 * server does not accept the token, the SDK gets another one of the same task; it never gets more scope.
 *
 * @throws {TypeError} if the task is bound, because the SDKs present its token without its proof
 */
export function mcpAuthProvider(task: Task): McpAuthProvider {
  if (!(task instanceof LiveTask)) throw new TypeError("this is no task of openTask")
  if (task.isBound) throw new TypeError("a bound task makes its calls by task.fetch: give that to the client")
  const { issuer } = task
  const noUser = (): never => {
    throw new NarrowgateError("task_ended", "the server does not accept the task's token, and there is no user to ask")
  }
  return {
    redirectUrl: undefined,
    clientMetadata: { redirect_uris: [], client_name: "agent" },
    // The proof of the agent says who it is.
    clientInformation: () => ({ client_id: issuer, issuer }),
    // Whatever the server calls its authorization server, the task's own issuer is the only one that gets a proof.
    discoveryState: async () => ({ authorizationServerUrl: issuer }),
    saveDiscoveryState: () => undefined,
    // The task has its audience.
    validateResourceURL: async () => undefined,
    tokens: async () => ({ access_token: await task.token(), token_type: "Bearer", scope: task.scope, issuer }),
    saveTokens: ({ access_token: token, expires_in: life = SHORT_LIFE }) => task.adopt({ token, life }),
    prepareTokenRequest: async () => task.renewalForm(),
    addClientAuthentication: async (_headers, params, url) => {
      params.delete("client_id")
      await task.authenticate(params, new URL(url))
    },
    redirectToAuthorization: noUser,
    saveCodeVerifier: () => undefined,
    codeVerifier: noUser,
  }
}
