/**
 * The three credentials of the local stack, requested from the development identity provider as any client would: a
 * user's session by the real login over HTTP, an operator's token, a workload identity.
 */
import { createHash, randomBytes } from "node:crypto"
import { z } from "zod"
import { Failure } from "../terminal/failure.ts"
import { APP_CLIENT, CLI_CLIENT, CLI_SECRET, RESOURCE_SCOPE, ONE_TIME_CODE, USERS_TEXT } from "./local-stack.ts"

const WHOM_IT_PROVES =
  "The local stack proves agents such as spiffe://example.org/agent/support. A client whose user is at the browser is tried by running it: docs/guides/clients/README.md."
const WHOM_IT_LOGS_IN = `The users of the local stack, with their groups, are ${USERS_TEXT}, or those of \`narrowgate dev --users\`; each one's password is the name.`

/** A login takes four hops; more means a loop. */
const MAX_HOPS = 10

const Session = z.object({ id_token: z.string(), access_token: z.string(), expires_in: z.number() })
/** Compact JWTs; `expires_in` in seconds. */
export type Session = z.infer<typeof Session>

export interface LoginOptions {
  readonly origin: string
  readonly user: string
  /** Absent: the right one. */
  readonly password?: string
  /** The client whose session it becomes; absent: the app, whose sessions agents exchange. */
  readonly client?: string
  /** With a one-time code: `acr` becomes `mfa`. */
  readonly secondFactor?: boolean
}

export async function login(options: LoginOptions): Promise<Session> {
  const client_id = options.client ?? APP_CLIENT
  const redirect = `${options.origin}/callback`
  const state = randomBytes(16).toString("base64url")
  const verifier = randomBytes(32).toString("base64url")
  const authorize = new URL("/auth", options.origin)
  authorize.search = new URLSearchParams({
    client_id,
    response_type: "code",
    scope: `openid email groups ${RESOURCE_SCOPE}`,
    redirect_uri: redirect,
    state,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  }).toString()

  const back = await walk(authorize, redirect, options)
  // RFC 9207, and RFC 6749, section 10.12: an answer of another provider, or to another request, is not ours to redeem.
  if (back.searchParams.get("iss") !== options.origin) throw new Error("login: answer of another issuer")
  if (back.searchParams.get("state") !== state) throw new Error("login: answer to another request")
  const code = back.searchParams.get("code")
  if (code === null) throw new Error(`login: ${back.searchParams.get("error") ?? "no code"}`)

  const body = { grant_type: "authorization_code", client_id, redirect_uri: redirect, code }
  return Session.parse(await token(options.origin, { ...body, code_verifier: verifier }))
}

/** An access token of the operators' pipeline; `sub` is `narrowgate-cli`. */
export async function operatorToken({ origin }: { readonly origin: string }): Promise<string> {
  const body = { grant_type: "client_credentials", client_id: CLI_CLIENT, client_secret: CLI_SECRET }
  const answer = await token(origin, { ...body, scope: RESOURCE_SCOPE })
  return z.object({ access_token: z.string() }).parse(answer).access_token
}

/** A JWT-SVID; `id` is a SPIFFE id of example.org. */
export async function workloadIdentity(wanted: {
  readonly origin: string
  readonly id: string
  readonly audience: string
}): Promise<string> {
  const url = new URL("/workload/svid", wanted.origin)
  url.search = new URLSearchParams({ id: wanted.id, aud: wanted.audience }).toString()
  const response = await fetch(url)
  const text = await response.text()
  if (!response.ok) throw new Failure(`no identity for ${wanted.id}: ${text.trim()}`, WHOM_IT_PROVES)
  return text
}

/**
 * Follows redirects and fills the login form as a browser would, until the provider redirects it back to `redirect`.
 */
export async function walk(start: URL, redirect: string, { user, password, secondFactor }: LoginOptions): Promise<URL> {
  const jar = new Map<string, string>()
  const form = new URLSearchParams({ login: user, password: password ?? user, code: secondFactor ? ONE_TIME_CODE : "" })
  let url = start
  let filled = false
  let init: RequestInit = {}
  for (let hop = 0; hop < MAX_HOPS; hop++) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ")
    const response = await fetch(url, { ...init, redirect: "manual", headers: cookie === "" ? {} : { cookie } })
    remember(jar, response)
    const location = response.headers.get("location")
    if (location !== null) {
      url = new URL(location, url)
      init = {}
      if (url.href.startsWith(`${redirect}?`)) return url
    } else if (response.ok && !filled) {
      filled = true
      init = { method: "POST", body: form }
    } else {
      throw new Failure(`login: ${url.pathname} answered ${response.status} to ${user}`, WHOM_IT_LOGS_IN)
    }
  }
  throw new Error("login: no end of redirects")
}

/** Paths are ignored: all cookies go to this one provider. An empty value is how it deletes one. */
function remember(jar: Map<string, string>, response: Response): void {
  for (const line of response.headers.getSetCookie()) {
    const [pair = ""] = line.split(";", 1)
    const equals = pair.indexOf("=")
    const name = pair.slice(0, equals)
    const value = pair.slice(equals + 1)
    if (value === "") jar.delete(name)
    else jar.set(name, value)
  }
}

async function token(origin: string, body: Record<string, string>): Promise<unknown> {
  const response = await fetch(new URL("/token", origin), { method: "POST", body: new URLSearchParams(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(`token endpoint: ${response.status} ${text}`)
  return JSON.parse(text)
}
