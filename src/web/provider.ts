/**
 * Signs users in at their OpenID provider: authorization code flow with PKCE, `state`, `nonce` and the `iss` parameter
 * (RFC 9207). oauth4webapi implements the protocol.
 */
import * as oauth from "oauth4webapi"
import { boundedText } from "../platform/request-body.ts"
import { mayBeFetched } from "../core/encoding/url.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { IssuerDefinition } from "../core/policy/definition/issuers.ts"

export type SignInIssuer = IssuerDefinition & {
  readonly issuer: string
  readonly sign_in: NonNullable<IssuerDefinition["sign_in"]>
}

/** The issuers at which users can sign in. */
export function signInIssuers({ issuers }: Bundle): readonly SignInIssuer[] {
  return issuers.flatMap((each) => {
    const { issuer, sign_in } = each
    return issuer === undefined || !sign_in ? [] : [{ ...each, issuer, sign_in }]
  })
}

export const CALLBACK = "/sign-in/callback"

/** The values that the response must match. The browser keeps them in a cookie until then. */
export interface PendingSignIn {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

/** Our own client at the providers. */
interface ProviderClient {
  readonly config: {
    readonly issuer: string
    /** Client secrets by the `id` of an issuer. */
    readonly signInSecrets: ReadonlyMap<string, string>
  }
  readonly fetchContext: ProviderContext
}

interface ProviderContext {
  /** Milliseconds. */
  readonly now: number
  /** Whether this is the local stack, which may fetch from loopback. */
  readonly local: boolean
}

/** The URL to which the browser is sent, with the values that its response must match. */
export async function authorizationUrl(
  at: SignInIssuer,
  client: ProviderClient,
): Promise<{ url: URL; pending: PendingSignIn }> {
  const server = await serverOf(at, client.fetchContext)
  if (server.authorization_endpoint === undefined) throw new Error("the provider has no authorization endpoint")
  const [state, nonce, verifier] = [
    oauth.generateRandomState(),
    oauth.generateRandomNonce(),
    oauth.generateRandomCodeVerifier(),
  ]
  const url = new URL(server.authorization_endpoint)
  if (!mayBeFetched(url, client.fetchContext.local))
    throw new Error("the provider's authorization endpoint may not be used")
  const { client: clientId, scope } = at.sign_in
  const parameters = {
    response_type: "code",
    client_id: clientId,
    redirect_uri: `${client.config.issuer}${CALLBACK}`,
    scope,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...resourceOf(at, client.config),
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return { url, pending: { state, nonce, verifier } }
}

/**
 * Exchanges the authorization response for the token by which the user is known.
 * @param answer the URL to which the provider redirected the browser
 * @throws if the response does not match the request, or the provider issues no token
 */
export async function tokenFor(
  at: SignInIssuer,
  answer: URL,
  pending: PendingSignIn,
  client: ProviderClient,
): Promise<string> {
  const server = await serverOf(at, client.fetchContext)
  const oauthClient = { client_id: at.sign_in.client }
  const parameters = oauth.validateAuthResponse(server, oauthClient, answer, pending.state)
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    oauthClient,
    authenticationFor(at, server, client.config),
    parameters,
    `${client.config.issuer}${CALLBACK}`,
    pending.verifier,
    {
      ...options(client.fetchContext),
      additionalParameters: resourceOf(at, client.config),
    },
  )
  const expected = { expectedNonce: pending.nonce, requireIdToken: true }
  const tokens = await oauth.processAuthorizationCodeResponse(server, oauthClient, response, expected)
  // It has just been required.
  return at.sign_in.token === "id_token" ? (tokens.id_token ?? "") : tokens.access_token
}

/** RFC 8707, section 2, or the provider's own parameter. An ID token is for our client alone, whatever is requested. */
function resourceOf({ sign_in: { token, resource } }: SignInIssuer, { issuer }: ProviderClient["config"]) {
  return token === "id_token" || resource === "none" ? {} : { [resource]: issuer }
}

/** The end-session endpoint of the provider; null if its metadata names none, or one that may not be used. */
export async function signOutUrl(at: SignInIssuer, { config, fetchContext }: ProviderClient): Promise<string | null> {
  const { end_session_endpoint: end } = await serverOf(at, fetchContext)
  if (end === undefined) return null
  const url = new URL(end)
  if (!mayBeFetched(url, fetchContext.local)) return null
  url.searchParams.set("client_id", at.sign_in.client)
  url.searchParams.set("post_logout_redirect_uri", `${config.issuer}/console`)
  return url.href
}

function authenticationFor(
  { id }: SignInIssuer,
  server: oauth.AuthorizationServer,
  config: ProviderClient["config"],
): oauth.ClientAuth {
  const secret = config.signInSecrets.get(id)
  if (secret === undefined) return oauth.None()
  const methods = server.token_endpoint_auth_methods_supported ?? ["client_secret_basic"]
  return methods.includes("client_secret_basic") ? oauth.ClientSecretBasic(secret) : oauth.ClientSecretPost(secret)
}

const FRESH_MS = 600_000
const TIMEOUT_MS = 10_000
/** The most bytes of metadata, and of a token response. */
const MAX_BYTES = 262_144
const cachedServers = new Map<string, { readonly server: oauth.AuthorizationServer; readonly at: number }>()

async function serverOf({ issuer }: SignInIssuer, fetchContext: ProviderContext): Promise<oauth.AuthorizationServer> {
  const cached = cachedServers.get(issuer)
  const age = cached ? fetchContext.now - cached.at : FRESH_MS
  if (cached && age >= 0 && age < FRESH_MS) return cached.server
  const url = new URL(issuer)
  const response = await oauth.discoveryRequest(url, { algorithm: "oidc", ...options(fetchContext) })
  const server = await oauth.processDiscoveryResponse(url, response)
  cachedServers.set(issuer, { server, at: fetchContext.now })
  return server
}

function options({ local }: ProviderContext) {
  const fetchAllowed = async (url: string, { method, headers, body }: ProviderRequest): Promise<Response> => {
    if (!mayBeFetched(new URL(url), local)) throw new Error("the URL may not be fetched")
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await fetch(url, { method, headers, body: body ?? null, redirect: "manual", signal })
    const text = await boundedText(response, MAX_BYTES)
    if (text === null) throw new Error("the provider's answer is too long, or not UTF-8")
    return new Response(text === "" ? null : text, { status: response.status, headers: response.headers })
  }
  return { [oauth.allowInsecureRequests]: local, [oauth.customFetch]: fetchAllowed }
}

interface ProviderRequest {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body?: URLSearchParams | undefined
}
