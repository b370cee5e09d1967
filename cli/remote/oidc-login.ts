/**
 * Login at an operator's identity provider: authorization code with PKCE on a loopback address (RFC 8252).
 * openid-client implements all of the protocol.
 */
import { createServer } from "node:http"
import * as oidc from "openid-client"
import { z } from "zod"
import { escaped } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { isLoopback, mayCarrySecrets } from "./worker.ts"
import type { Session } from "./login-session.ts"

export interface Provider {
  readonly issuer: string
  /** `client_id` of a public client that the issuer's entry in issuers.yaml names under `operators`. */
  readonly client: string
  readonly scope: string
  /** What the access token is for: the Worker (RFC 8707; some providers call it `audience`). */
  readonly resource: string
}

/** A person needs no longer to log in. Milliseconds. */
const LOGIN_WITHIN_MS = 300_000

export interface Login {
  readonly session: Session
  /** Null if the provider issues no ID token, as without the scope `openid`. */
  readonly user: LoggedInUser | null
}

/** By the ID token. */
export interface LoggedInUser {
  /** `sub`, by which operators.yaml names an operator. */
  readonly subject: string
  /** Null if the provider states none. */
  readonly name: string | null
}

/** @param show receives the address, and opens it if it can */
export async function loginByBrowser(provider: Provider, show: (url: string) => void): Promise<Login> {
  const { scope, resource } = provider
  const found = await discover(provider)
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const expectedState = oidc.randomState()
  const { redirect, arrived, close } = await awaitCallback(expectedState)
  try {
    const url = oidc.buildAuthorizationUrl(found, {
      redirect_uri: redirect,
      scope,
      resource,
      audience: resource,
      // OpenID Connect Core, section 11: a session that outlasts the login requires consent.
      ...(scope.split(" ").includes("offline_access") ? { prompt: "consent" } : {}),
      state: expectedState,
      code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
    })
    show(url.href)
    const expected = { pkceCodeVerifier, expectedState }
    const tokens = await tokensOrFailure(oidc.authorizationCodeGrant(found, await arrived, expected, { resource }))
    return { session: sessionOf(provider, tokens), user: userOf(tokens.claims()) }
  } finally {
    close()
  }
}

interface Callback {
  readonly redirect: string
  readonly arrived: Promise<URL>
  readonly close: () => void
}

/** Any page and any process of this machine may send a request here: only one with the state ends the login. */
export async function awaitCallback(state: string): Promise<Callback> {
  const { promise: arrived, resolve, reject } = Promise.withResolvers<URL>()
  const timer = setTimeout(() => reject(tooLate()), LOGIN_WITHIN_MS)
  let redirect = ""
  const server = createServer((request, response) => {
    const requested = URL.parse(request.url ?? "/", redirect)
    const isAnswer = requested?.pathname === "/callback" && requested.searchParams.get("state") === state
    if (!isAnswer) {
      response.writeHead(requested?.pathname === "/callback" || !requested ? 400 : 404, { Connection: "close" }).end()
      return
    }
    response.writeHead(200, { "Content-Type": "text/plain", Connection: "close" }).end("You may close this page.\n")
    resolve(new URL(requested.search, redirect))
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  const { port } = z.object({ port: z.number() }).parse(server.address())
  redirect = `http://127.0.0.1:${port}/callback`
  const close = (): void => {
    clearTimeout(timer)
    server.close()
  }
  return { redirect, arrived, close }
}

/** Returns null if it cannot be renewed: the user has to log in again. */
export async function renewed(session: Session, resource: string): Promise<Session | null> {
  const { refreshToken } = session
  if (refreshToken === undefined) return null
  try {
    const found = await discover(session)
    const tokens = await oidc.refreshTokenGrant(found, refreshToken, { resource })
    return { ...sessionOf(session, tokens), refreshToken: tokens.refresh_token ?? refreshToken }
  } catch (failure) {
    if (failure instanceof oidc.ResponseBodyError) return null
    throw failure
  }
}

async function discover({ issuer, client }: Pick<Provider, "issuer" | "client">): Promise<oidc.Configuration> {
  const url = URL.parse(issuer)
  if (!url) throw new Failure(`--issuer cannot be ${issuer}`, "Write the URL of the identity provider.", EXIT.usage)
  // Anyone on the network reads a code or a token without TLS; on loopback nobody does.
  const execute = isLoopback(issuer) ? [oidc.allowInsecureRequests] : []
  const found = await discovered(issuer, () => oidc.discovery(url, client, undefined, oidc.None(), { execute }))
  const { authorization_endpoint: authorization, token_endpoint: token } = found.serverMetadata()
  const used = [authorization, token].filter((endpoint) => endpoint !== undefined)
  // An issuer on loopback may publish endpoints elsewhere, which receive codes and tokens.
  const exposed = used.find((endpoint) => !mayCarrySecrets(endpoint))
  if (exposed !== undefined) {
    const fix = "Its endpoints must be https; http is for this machine alone."
    throw new Failure(`${issuer} would have codes and tokens sent unencrypted, to ${exposed}`, fix, EXIT.usage)
  }
  if (isLoopback(issuer) && used.every(isLoopback)) return found
  // A configuration that permits https only.
  return new oidc.Configuration(found.serverMetadata(), client, undefined, oidc.None())
}

async function discovered<Value>(issuer: string, discovery: () => Promise<Value>): Promise<Value> {
  try {
    return await discovery()
  } catch (failure) {
    const why = failure instanceof Error ? failure.message : String(failure)
    const fix = "Check --issuer: its discovery document must be there, over https."
    throw new Failure(`${issuer} is no identity provider that can be reached: ${why}`, fix, EXIT.unreachable)
  }
}

/** The provider's own words for its error. */
async function tokensOrFailure<Value>(work: Promise<Value>): Promise<Value> {
  try {
    return await work
  } catch (failure) {
    if (failure instanceof oidc.ResponseBodyError || failure instanceof oidc.AuthorizationResponseError) {
      const why = failure.error_description ?? failure.error
      throw new Failure(
        `the identity provider answers with an error: ${escaped(why, 300)}`,
        "Check --client, --scope and --resource with it.",
      )
    }
    throw failure
  }
}

function userOf(claims: oidc.IDToken | undefined): LoggedInUser | null {
  if (!claims) return null
  const { sub: subject, preferred_username: username, email } = claims
  const name = [username, email].find((each) => typeof each === "string" && each !== "" && each !== subject)
  return { subject, name: typeof name === "string" ? name : null }
}

const tooLate = (): Failure => new Failure("no login within five minutes", "Try again.")

function sessionOf(
  { issuer, client, scope }: Pick<Provider, "issuer" | "client" | "scope">,
  tokens: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers,
): Session {
  const { access_token: accessToken, refresh_token: refreshToken } = tokens
  const expiresAt = Date.now() + (tokens.expiresIn() ?? 300) * 1000
  return { issuer, client, scope, accessToken, expiresAt, ...(refreshToken === undefined ? {} : { refreshToken }) }
}
