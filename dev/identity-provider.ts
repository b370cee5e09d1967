/**
 * DEVELOPMENT ONLY: the identity provider of the local stack, a real OpenID provider (oidc-provider) for users and
 * operators, and beside it an issuer of workload identities. Never imported by the Worker.
 */
import { randomBytes } from "node:crypto"
import { type IncomingMessage, type ServerResponse, createServer } from "node:http"
import { type JWK, calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose"
import { createMemoryAdapter } from "oidc-provider/lib/adapters/memory_adapter.js"
import Provider, { type Context, type Grant, type Token } from "oidc-provider"
import {
  APP_CLIENT,
  CONSOLE_CLIENT,
  LOGIN_CLIENT,
  CLI_CLIENT,
  CLI_SECRET,
  RESOURCE_SCOPE,
  USERS,
  type Users,
} from "../cli/remote/local-stack.ts"
import { loginPage } from "./login-page.ts"
import { type Listening, listen } from "./loopback.ts"
import { type WorkloadIssuer, workloadIssuer } from "./workload-issuer.ts"

const TOKEN_LIFE_SECONDS = 15 * 60
const SESSION_LIFE_SECONDS = 8 * 60 * 60
const LOGIN_LIFE_SECONDS = 10 * 60

export interface IdentityProviderOptions {
  /** 0: a free port. */
  readonly port: number
  /** `aud` of the access tokens. */
  readonly audience: string
  /** Registered beside its own, and trusted as they are. */
  readonly clients?: readonly (Readonly<Record<string, unknown>> & { readonly client_id: string })[]
  /** Names with their groups; the password of each is its name. */
  readonly users?: Users
  readonly log?: (line: string) => void
  /** Private ES256 keys, so that tokens outlive a restart; absent: new ones. */
  readonly keys?: IdentityProviderKeys
}

export interface IdentityProviderKeys {
  readonly provider: JWK
  readonly workload: JWK
}

/** Keys to store and pass to `startIdentityProvider`. */
export async function generateKeys(): Promise<IdentityProviderKeys> {
  return { provider: await generateKey(), workload: await generateKey() }
}

/** Issuer and `origin` are the same: `http://127.0.0.1:PORT`, without a slash. */
export async function startIdentityProvider(options: IdentityProviderOptions): Promise<Listening> {
  const { keys = await generateKeys(), users = USERS } = options
  const workloads = await workloadIssuer(keys.workload)
  let answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      options.log?.(`identity provider: ${String(error)}`)
      if (!response.headersSent) response.writeHead(400, { "content-type": "text/plain" })
      response.end("not understood\n")
    })
  })
  const listening = await listen(server, options.port)

  const provider = new Provider(
    listening.origin,
    await configuration(listening.origin, options.audience, keys.provider, options.clients ?? [], users),
  )
  for (const event of ["authorization.error", "grant.error", "server_error"]) {
    provider.on(event, (_context, error) => options.log?.(`identity provider: ${event}: ${error.message}`))
  }
  answer = dispatch(listening.origin, provider, workloads, users)
  return listening
}

function dispatch(origin: string, provider: Provider, workloads: WorkloadIssuer, users: Users) {
  const openid = provider.callback()
  const { host } = new URL(origin)
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // A page of a foreign site whose name was made to resolve to 127.0.0.1 must get no identity (DNS rebinding).
    if (request.headers.host !== host) return void response.writeHead(421).end()
    const path = request.url ?? "/"
    if (path.startsWith("/workload/")) return workloads(request, response)
    if (path.startsWith("/interaction/")) return loginPage(provider, users, request, response)
    return openid(request, response)
  }
}

async function configuration(
  origin: string,
  audience: string,
  key: JWK,
  others: NonNullable<IdentityProviderOptions["clients"]>,
  users: Users,
): Promise<Record<string, unknown>> {
  const trusted = [APP_CLIENT, CONSOLE_CLIENT, LOGIN_CLIENT, ...others.map(({ client_id }) => client_id)]
  return {
    // In memory on purpose: a session ends with the provider.
    adapter: createMemoryAdapter(),
    jwks: { keys: [{ ...key, kid: await calculateJwkThumbprint(key), use: "sig", alg: "ES256" }] },
    // New at each start: a session ends with the provider, tokens do not.
    cookies: { keys: [randomBytes(32).toString("base64url")] },
    clients: [
      ...[APP_CLIENT, CONSOLE_CLIENT].map((client_id) => ({
        client_id,
        token_endpoint_auth_method: "none",
        redirect_uris: [
          `${origin}/callback`,
          ...(client_id === CONSOLE_CLIENT ? [`${audience}/sign-in/callback`] : []),
        ],
        grant_types: ["authorization_code"],
        response_types: ["code"],
      })),
      {
        client_id: LOGIN_CLIENT,
        application_type: "native",
        token_endpoint_auth_method: "none",
        redirect_uris: ["http://127.0.0.1/callback"],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
      },
      {
        client_id: CLI_CLIENT,
        client_secret: CLI_SECRET,
        redirect_uris: [],
        grant_types: ["client_credentials"],
        response_types: [],
      },
      ...others,
    ],
    clientDefaults: { id_token_signed_response_alg: "ES256" },
    claims: { openid: ["sub", "acr", "auth_time"], email: ["email", "email_verified"], groups: ["groups"] },
    acrValues: ["pwd", "mfa"],
    // Claims of the granted scopes in the ID token too, which OpenID Connect Core, section 5.4, would leave to
    // userinfo.
    conformIdTokenClaims: false,
    clientBasedCORS: () => false,
    findAccount: (_context: Context, name: string) =>
      users.has(name) ? { accountId: name, claims: () => ({ sub: name, ...profile(name, users) }) } : undefined,
    extraTokenClaims: ({ oidc }: Context, token: Token) =>
      token.accountId === undefined
        ? undefined
        : {
            ...profile(token.accountId, users),
            acr: oidc.entities.AuthorizationCode?.acr,
            auth_time: oidc.entities.AuthorizationCode?.authTime,
          },
    loadExistingGrant: (context: Context) => grantOwnApplication(context, audience, trusted),
    interactions: { url: (_context: Context, { uid }: { uid: string }) => `/interaction/${uid}` },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        useGrantedResource: () => true,
        getResourceServerInfo: (_context: Context, resource: string) => {
          if (resource !== audience) throw new Error(`unknown resource ${resource}`)
          return { audience, scope: RESOURCE_SCOPE, accessTokenFormat: "jwt", jwt: { sign: { alg: "ES256" } } }
        },
      },
    },
    ttl: {
      AccessToken: TOKEN_LIFE_SECONDS,
      ClientCredentials: TOKEN_LIFE_SECONDS,
      IdToken: TOKEN_LIFE_SECONDS,
      Interaction: LOGIN_LIFE_SECONDS,
      Session: SESSION_LIFE_SECONDS,
      Grant: SESSION_LIFE_SECONDS,
    },
  }
}

/** The provider's own applications: their users need not consent. */
async function grantOwnApplication(
  { oidc }: Context,
  audience: string,
  trusted: readonly string[],
): Promise<Grant | undefined> {
  const accountId = oidc.session?.accountId
  const clientId = oidc.client?.clientId
  if (accountId === undefined || clientId === undefined || !trusted.includes(clientId)) {
    return undefined
  }
  const grant = new oidc.provider.Grant({ accountId, clientId })
  grant.addOIDCScope("openid email groups offline_access")
  grant.addResourceScope(audience, RESOURCE_SCOPE)
  await grant.save()
  return grant
}

function profile(name: string, users: Users): { email: string; email_verified: boolean; groups: readonly string[] } {
  return { email: `${name}@example.org`, email_verified: true, groups: users.get(name) ?? [] }
}

async function generateKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true })
  return exportJWK(privateKey)
}
