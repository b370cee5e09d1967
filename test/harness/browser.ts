/** People at their browsers: signed in at our own pages, sent here by a program, and answering. */
import { env } from "cloudflare:workers"
import { sha256Base64url } from "../../src/core/encoding/hash.ts"
import { beginSession } from "../../src/web/session.ts"
import { requestContext } from "../../src/request-context.ts"
import { AUDIENCE, postForm, type Form, type TokenAnswer } from "./agents.ts"
import { knock } from "./door.ts"
import { accessToken, agentId, svid, US } from "./issuers.ts"

export interface Browser {
  readonly cookie: string
  readonly csrf: string
}

export interface SigningIn {
  /** Of the provider, to which their token was given. */
  readonly client?: string
  readonly claims?: Readonly<Record<string, unknown>>
  /** Milliseconds since they signed in. */
  readonly ago?: number
}

/** Somebody who has signed in, as /sign-in/callback leaves them. */
export async function signedIn(
  user = "alice",
  { client = "cli", claims = {}, ago = 0 }: SigningIn = {},
): Promise<Browser> {
  const token = await accessToken(user, client, { claims })
  const times = { expiresAt: Date.now() + 3_600_000, issuedAt: Date.now() - ago }
  const secret = await beginSession(
    { token, ...times },
    requestContext(env, () => undefined),
  )
  return { cookie: `__Host-narrowgate=${secret}`, csrf: sha256Base64url(`form ${secret}`) }
}

export const VERIFIER = "verifier-verifier-verifier-verifier-verifier"
export const CALLBACK = "https://app.test/callback"

/** A request that is answered with a page; a test changes what it is about. */
export function query(more: Form = {}): string {
  const all: Form = {
    response_type: "code",
    client_id: agentId("first"),
    redirect_uri: CALLBACK,
    state: "the state",
    code_challenge: sha256Base64url(VERIFIER),
    code_challenge_method: "S256",
    resource: AUDIENCE,
    scope: "files.*:read safe.burn:execute",
    ...more,
  }
  const search = new URLSearchParams()
  for (const [name, values] of Object.entries(all)) {
    for (const value of typeof values === "string" ? [values] : (values ?? [])) search.append(name, value)
  }
  return search.toString()
}

type Headers = Readonly<Record<string, string>>

export async function visit(search: string, by: Browser | null, headers: Headers = {}, method = "GET") {
  const cookie: Headers = by ? { cookie: by.cookie } : {}
  return knock(
    new Request(`${US}/oauth/authorize?${search}`, { method, headers: { ...cookie, ...headers }, redirect: "manual" }),
  )
}

export interface Shown {
  readonly html: string
  readonly tools: readonly string[]
  readonly digest: string
}

const all = (html: string, pattern: RegExp): readonly string[] =>
  [...html.matchAll(pattern)].map(([, found = ""]) => found)

/** What of the page a person can answer. */
export async function shown(response: Response): Promise<Shown> {
  const html = await response.text()
  const [digest = ""] = all(html, /name="shown" value="([^"]*)"/g)
  return { html, digest, tools: all(html, /name="keep" value="([^"]*)"/g) }
}

/** What the form sends where nothing in it is changed. */
export async function formOf(search: string, by: Browser): Promise<URLSearchParams> {
  const { tools, digest } = await shown(await visit(search, by))
  const form = new URLSearchParams({ csrf: by.csrf, shown: digest, calls: "", life: "" })
  for (const tool of tools) form.append("keep", tool)
  return form
}

export async function answer(
  search: string,
  by: Browser,
  form: URLSearchParams,
  headers: Headers = { origin: US, "sec-fetch-site": "same-origin" },
): Promise<Response> {
  return knock(
    new Request(`${US}/oauth/authorize?${search}`, {
      method: "POST",
      headers: { cookie: by.cookie, ...headers },
      body: form,
      redirect: "manual",
    }),
  )
}

/** Says yes to all that is shown, but for what `change` does to the form. */
export async function allow(
  search: string,
  by: Browser,
  change: (form: URLSearchParams) => void = () => undefined,
): Promise<Response> {
  const form = await formOf(search, by)
  form.set("decision", "allow")
  change(form)
  return answer(search, by, form)
}

/** Where the browser is sent, with what. */
export function sentTo(response: Response): URL {
  return new URL(response.headers.get("location") ?? "about:blank")
}

/** A code that alice has agreed to. */
export async function codeFor(
  more: Form = {},
  change: (form: URLSearchParams) => void = () => undefined,
): Promise<string> {
  const back = sentTo(await allow(query(more), await signedIn(), change))
  const code = back.searchParams.get("code")
  if (code === null) throw new Error(`no code: ${back.href}`)
  return code
}

export const taskOf = (code: string): string => code.slice(0, code.indexOf("."))

const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
export const provenAs = async (agent: string): Promise<Form> => ({
  client_assertion: await svid(agent),
  client_assertion_type: ASSERTION_TYPE,
})

export async function redeem(code: string, more: Form = {}, headers: Headers = {}): Promise<TokenAnswer> {
  const shown = { grant_type: "authorization_code", code, code_verifier: VERIFIER, redirect_uri: CALLBACK }
  return postForm({ ...shown, ...(await provenAs("first")), ...more }, headers)
}

export async function refreshBy(token: string, more: Form = {}, headers: Headers = {}): Promise<TokenAnswer> {
  return postForm({ grant_type: "refresh_token", refresh_token: token, ...(await provenAs("first")), ...more }, headers)
}
