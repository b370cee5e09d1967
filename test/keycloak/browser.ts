/** Somebody at their browser: follows redirects, logs in at Keycloak's own page, keeps cookies. */
import { createHash, randomBytes } from "node:crypto"
import { z } from "zod"
import { cookieOf, remember } from "../node/interop/at-browser.ts"

const MAX_HOPS = 15

export interface Page {
  readonly url: URL
  readonly status: number
  readonly html: string
}

export class Browser {
  readonly #user: string
  readonly #jars = new Map<string, Map<string, string>>()

  constructor(user: string) {
    this.#user = user
  }

  /**
   * @param until the beginning of a URL that is not opened, because nobody listens there
   * @returns the page in the end, or that URL, with an empty page
   */
  async open(start: string | URL, init: RequestInit = {}, until = "none"): Promise<Page> {
    let url = new URL(start)
    let next = init
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      if (url.href.startsWith(until)) return { url, status: 0, html: "" }
      const jar = this.#jars.get(url.origin) ?? new Map<string, string>()
      this.#jars.set(url.origin, jar)
      const headers = { cookie: cookieOf(jar), origin: url.origin }
      const response = await fetch(url, { ...next, redirect: "manual", headers })
      remember(jar, response)
      const location = response.headers.get("location")
      const html = await response.text()
      if (location !== null) {
        url = new URL(location, url)
        next = {}
        continue
      }
      const action = /<form id="kc-form-login"[^>]* action="([^"]+)"/.exec(html)?.[1]
      if (action === undefined) return { url, status: response.status, html }
      url = new URL(action.replaceAll("&amp;", "&"))
      next = { method: "POST", body: new URLSearchParams({ username: this.#user, password: this.#user }) }
    }
    throw new Error("no end of redirects")
  }
}

const tokens = z.object({ access_token: z.string(), id_token: z.string(), refresh_token: z.string() })
export type Tokens = z.infer<typeof tokens>

/** The session of an app that a person logs in to (authorization code, PKCE). */
export async function logIn(
  issuer: string,
  { user, client, redirect }: { readonly user: string; readonly client: string; readonly redirect: string },
): Promise<Tokens> {
  const verifier = randomBytes(32).toString("base64url")
  const form = { client_id: client, redirect_uri: redirect }
  const start = new URL(`${issuer}/protocol/openid-connect/auth`)
  start.search = new URLSearchParams({
    ...form,
    response_type: "code",
    scope: "openid",
    state: "s",
    nonce: "n",
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  }).toString()
  const { url, html } = await new Browser(user).open(start, {}, `${redirect}?`)
  const code = url.searchParams.get("code")
  if (code === null) throw new Error(`no code: ${url.href} ${html}`)
  return tokens.parse(await token(issuer, { ...form, grant_type: "authorization_code", code, code_verifier: verifier }))
}

export async function token(issuer: string, form: Readonly<Record<string, string>>): Promise<unknown> {
  const url = `${issuer}/protocol/openid-connect/token`
  const response = await fetch(url, { method: "POST", body: new URLSearchParams(form) })
  const text = await response.text()
  if (!response.ok) throw new Error(`Keycloak: ${response.status} ${text}`)
  return JSON.parse(text)
}
