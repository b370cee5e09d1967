/**
 * Signing in at a person's own OIDC provider: authorization code with PKCE, `state`, `nonce` and the issuer's own mark
 * (RFC 9207). All of the protocol is oauth4webapi's.
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

/** Where people can sign in. */
export function signInIssuers({ issuers }: Bundle): readonly SignInIssuer[] {
  return issuers.flatMap((each) => {
    const { issuer, sign_in } = each
    return issuer === undefined || !sign_in ? [] : [{ ...each, issuer, sign_in }]
  })
}

export const CALLBACK = "/sign-in/callback"

/** What has to come back, kept by the browser in the meantime. */
export interface Leaving {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

/** Who we are, by which secrets, and where we may ask. */
interface ProviderClient {
  readonly config: {
    readonly issuer: string
    /** By the `id` of an issuer. */
    readonly signInSecrets: ReadonlyMap<string, string>
  }
  readonly fetchContext: ProviderContext
}

interface ProviderContext {
  /** Milliseconds. */
  readonly now: number
  /** The local stack: loopback may be fetched. */
  readonly local: boolean
}

/** Where to send the browser. */
export async function authorizationUrl(
  at: SignInIssuer,
  asker: ProviderClient,
): Promise<{ url: URL; leaving: Leaving }> {
  const server = await serverOf(at, asker.fetchContext)
  if (server.authorization_endpoint === undefined) throw new Error("the provider has no authorization endpoint")
  const [state, nonce, verifier] = [
    oauth.generateRandomState(),
    oauth.generateRandomNonce(),
    oauth.generateRandomCodeVerifier(),
  ]
  const url = new URL(server.authorization_endpoint)
  if (!mayBeFetched(url, asker.fetchContext.local))
    throw new Error("the provider's authorization endpoint is none to send people to")
  const { client, scope, resource } = at.sign_in
  const parameters = {
    response_type: "code",
    client_id: client,
    redirect_uri: `${asker.config.issuer}${CALLBACK}`,
    scope,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    ...(resource !== "none" && { [resource]: asker.config.issuer }),
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
  return { url, leaving: { state, nonce, verifier } }
}

/**
 * The person's access token, for what the provider answered.
 * @param answer the URL that it sent the browser to
 * @throws where the answer is not to what was asked, or the provider gives no token
 */
export async function accessTokenFor(
  at: SignInIssuer,
  answer: URL,
  leaving: Leaving,
  asker: ProviderClient,
): Promise<string> {
  const server = await serverOf(at, asker.fetchContext)
  const { client: id, resource } = at.sign_in
  const client = { client_id: id }
  const parameters = oauth.validateAuthResponse(server, client, answer, leaving.state)
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    authenticationFor(at, server, asker.config),
    parameters,
    `${asker.config.issuer}${CALLBACK}`,
    leaving.verifier,
    {
      ...options(asker.fetchContext),
      ...(resource !== "none" && { additionalParameters: { [resource]: asker.config.issuer } }),
    },
  )
  const expected = { expectedNonce: leaving.nonce, requireIdToken: true }
  const said = await oauth.processAuthorizationCodeResponse(server, client, response, expected)
  return said.access_token
}

/** Where whoever has signed out here can do it there too; null where the provider does not say, or names no place on the web. */
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
/** Of metadata, and of an answer with two tokens. */
const MAX_BYTES = 262_144
const known = new Map<string, { readonly server: oauth.AuthorizationServer; readonly at: number }>()

async function serverOf({ issuer }: SignInIssuer, fetchContext: ProviderContext): Promise<oauth.AuthorizationServer> {
  const held = known.get(issuer)
  const age = held ? fetchContext.now - held.at : FRESH_MS
  if (held && age >= 0 && age < FRESH_MS) return held.server
  const url = new URL(issuer)
  const response = await oauth.discoveryRequest(url, { algorithm: "oidc", ...options(fetchContext) })
  const server = await oauth.processDiscoveryResponse(url, response)
  known.set(issuer, { server, at: fetchContext.now })
  return server
}

function options({ local }: ProviderContext) {
  const fetchAllowed = async (url: string, { method, headers, body }: Sent): Promise<Response> => {
    if (!mayBeFetched(new URL(url), local)) throw new Error("the URL may not be fetched")
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await fetch(url, { method, headers, body: body ?? null, redirect: "manual", signal })
    const text = await boundedText(response, MAX_BYTES)
    if (text === null) throw new Error("the provider's answer is too long, or not UTF-8")
    const { status, headers: said } = response
    return new Response(text === "" ? null : text, { status, headers: said })
  }
  return { [oauth.allowInsecureRequests]: local, [oauth.customFetch]: fetchAllowed }
}

interface Sent {
  readonly method: string
  readonly headers: Record<string, string>
  readonly body?: URLSearchParams | undefined
}
