/** A person at the browser: agrees to what an agent asks for, so that the agent has a refresh token. */
import { createHash, randomBytes } from "node:crypto"
import { AGENT, AUDIENCE, ISSUER } from "../servers/identities.ts"
import type { Narrowgate } from "../servers/narrowgate.ts"

export const REDIRECT_URI = "https://app.bench.example/callback"

const hash = (text: string): string => createHash("sha256").update(text).digest("base64url")

/** @returns the refresh token */
export async function consentedRefreshToken(narrowgate: Narrowgate, user: string, scope: string): Promise<string> {
  const { identities } = narrowgate
  const secret = await (
    await narrowgate.ask("/bench/session", { method: "POST", body: await identities.personToken(user) })
  ).text()
  const browser = { cookie: `__Host-narrowgate=${secret}`, origin: ISSUER, "sec-fetch-site": "same-origin" }
  const verifier = randomBytes(32).toString("base64url")
  const query = new URLSearchParams({
    response_type: "code",
    client_id: AGENT,
    redirect_uri: REDIRECT_URI,
    state: "a state",
    code_challenge: hash(verifier),
    code_challenge_method: "S256",
    resource: AUDIENCE,
    scope,
  })
  const page = `/oauth/authorize?${query.toString()}`
  const html = await (await narrowgate.ask(page, { headers: browser })).text()
  const all = (pattern: RegExp): readonly string[] => Array.from(html.matchAll(pattern), ([, found = ""]) => found)
  const [shown = ""] = all(/name="shown" value="([^"]*)"/g)
  const form = new URLSearchParams({ csrf: hash(`form ${secret}`), shown, calls: "", life: "", decision: "allow" })
  for (const tool of all(/name="keep" value="([^"]*)"/g)) form.append("keep", tool)
  const answer = await narrowgate.ask(page, { method: "POST", headers: browser, body: form, redirect: "manual" }, 303)
  const code = new URL(answer.headers.get("location") ?? "about:blank").searchParams.get("code") ?? ""
  const redeemed = { grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI, code_verifier: verifier }
  return refreshTokenIn(await narrowgate.token(redeemed))
}

/** @returns the next refresh token */
export async function refresh(narrowgate: Narrowgate, token: string): Promise<string> {
  return refreshTokenIn(await narrowgate.token({ grant_type: "refresh_token", refresh_token: token }))
}

function refreshTokenIn({ refresh_token }: Readonly<Record<string, unknown>>): string {
  if (typeof refresh_token !== "string") throw new Error("there is no refresh token")
  return refresh_token
}
