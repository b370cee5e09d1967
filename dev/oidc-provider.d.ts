/** The package has no types. Only what dev/ uses, as observed in oidc-provider 9.13.3. */
declare module "oidc-provider" {
  import type { IncomingMessage, ServerResponse } from "node:http"

  export interface Grant {
    addOIDCScope(scope: string): void
    addResourceScope(resource: string, scope: string): void
    save(): Promise<string>
  }

  export interface Context {
    readonly oidc: {
      readonly provider: Provider
      readonly session?: { readonly accountId?: string; grantIdFor(client: string): string | undefined }
      readonly client?: { readonly clientId: string }
      readonly entities: { readonly AuthorizationCode?: { readonly acr?: string; readonly authTime?: number } }
    }
  }

  export interface Interaction {
    readonly prompt: { readonly name: string }
    readonly params: Readonly<Record<string, unknown>>
  }

  export interface Token {
    readonly kind: string
    readonly accountId?: string
  }

  export interface LoginResult {
    readonly login?: { readonly accountId: string; readonly acr: string; readonly amr: readonly string[] }
    readonly consent?: Readonly<Record<string, never>>
  }

  export default class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>)
    readonly Grant: {
      new (of: { accountId: string; clientId: string }): Grant
      find(id: string): Promise<Grant | undefined>
    }
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>
    interactionDetails(request: IncomingMessage, response: ServerResponse): Promise<Interaction>
    interactionFinished(
      request: IncomingMessage,
      response: ServerResponse,
      result: LoginResult,
      options: { readonly mergeWithLastSubmission: boolean },
    ): Promise<void>
    on(event: string, listener: (context: Context, error: Error) => void): this
  }
}

declare module "oidc-provider/lib/adapters/memory_adapter.js" {
  export function createMemoryAdapter(): (model: string) => unknown
}
