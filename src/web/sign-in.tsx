/**
 * Signing in at our own pages, and out again. Whoever comes back from their provider is asked nothing more here: what
 * they are shown and may do is judged where it is done, by the token that they came with.
 */
import type { Context } from "hono"
import * as z from "zod"
import { recordAtEdge } from "../audit/edge-recorder.ts"
import { recordOf, type DecisionRecord } from "../core/record/record.ts"
import { verifyPersonToken } from "../credentials/person-token.ts"
import { isRejected, type Rejected } from "../core/denials/terms/credential-rejection.ts"
import { logEvent } from "../platform/log.ts"
import { readForm } from "./form.ts"
import { Page, plainPage, respondPage, seeOther } from "./page.tsx"
import { userId } from "../core/policy/principals.ts"
import { newId } from "../platform/new-id.ts"
import { bundleFor, requestContext, type RequestContext } from "../request-context.ts"
import { cookieOf, setCookie } from "./cookie.ts"
import { CALLBACK, accessTokenFor, authorizationUrl, signInIssuers, signOutUrl, type SignInIssuer } from "./provider.ts"
import { beginSession, endSession, MAX_SESSION_MS, sessionOf } from "./session.ts"

/** Seconds in which whoever left for their provider has to be back. */
const SIGN_IN_WITHIN = 600
/** Of the place to come back to: cookies are 4 KB at most. */
export const MAX_RETURN = 2_800

const leavingSchema = z.strictObject({
  issuer: z.string(),
  returnTo: z.string(),
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
})

/** Where to send the browser. @param returnTo path and query, on our own origin, to come back to */
export function signInLocation(returnTo: string): string {
  return `/sign-in?${new URLSearchParams({ return: returnTo }).toString()}`
}

/** `GET /sign-in` */
export async function signIn(c: Context<{ Bindings: Env }>): Promise<Response> {
  const context = requestContext(c.env, (work) => c.executionCtx.waitUntil(work))
  const bundle = await bundleFor(context)
  if (!bundle) return unavailable()
  const returnTo = returnOf(c.req.query("return"), context.config.issuer)
  if (returnTo === null) {
    return plainPage(
      "This link leads nowhere",
      <p>What it wants to come back to is none of our pages, or too long.</p>,
      {
        status: 400,
      },
    )
  }
  const known = signInIssuers(bundle)
  const named = c.req.query("issuer")
  const chosen = known.length === 1 ? known[0] : known.find(({ id }) => id === named)
  if (!chosen) return chooser(known, returnTo)
  try {
    const { url, leaving } = await authorizationUrl(chosen, context)
    const kept = JSON.stringify({ issuer: chosen.id, returnTo, ...leaving })
    const cookie = new TextEncoder().encode(kept).toBase64({ alphabet: "base64url", omitPadding: true })
    return seeOther(url.href, { "Set-Cookie": setCookie("signIn", cookie, SIGN_IN_WITHIN) })
  } catch (error) {
    logEvent("sign_in_failed", { issuer: chosen.id, error: String(error) })
    return unavailable()
  }
}

/** `GET /sign-in/callback` */
export async function signInCallback(c: Context<{ Bindings: Env }>): Promise<Response> {
  const context = requestContext(c.env, (work) => c.executionCtx.waitUntil(work))
  const bundle = await bundleFor(context)
  if (!bundle) return unavailable()
  const leaving = leavingOf(cookieOf(c.req.raw, "signIn"))
  const issuer = signInIssuers(bundle).find(({ id }) => id === leaving?.issuer)
  if (!leaving || !issuer) return failed("/console", "no sign-in is under way in this browser", null, context)
  // The cookie is the browser's to keep: what comes of it is read as a link's would be.
  const returnTo = returnOf(leaving.returnTo, context.config.issuer) ?? "/console"
  const arrived = new URL(c.req.url)
  // As it was sent there, whatever host a zone in front of us has made of it.
  const answer = new URL(arrived.pathname + arrived.search, context.config.issuer)
  let token: string
  try {
    token = await accessTokenFor(issuer, answer, leaving, context)
  } catch (error) {
    logEvent("sign_in_failed", { issuer: issuer.id, error: error instanceof Error ? error.message : String(error) })
    return failed(returnTo, "the provider's answer is none to what was asked", null, context)
  }
  const { receivedAt, config, fetchContext } = context
  const person = await verifyPersonToken(token, bundle.issuers, config.issuer, fetchContext)
  if (isRejected(person)) return failed(returnTo, "the provider's token is not accepted", person, context)
  const expiresAt = Math.min(person.expiresAt, receivedAt + MAX_SESSION_MS)
  const secret = await beginSession({ token, expiresAt, issuedAt: receivedAt }, context)
  const operator = userId({ issuer: person.issuer.issuer, subject: person.subject })
  record({ decision: "allow", code: "ok", operator }, context)
  // Whoever was signed in before in this browser is not any more.
  context.background(endSession(c.req.raw, context))
  const response = seeOther(returnTo)
  response.headers.append("Set-Cookie", setCookie("session", secret, Math.floor((expiresAt - receivedAt) / 1000)))
  response.headers.append("Set-Cookie", setCookie("signIn", "", 0))
  return response
}

/** `POST /sign-out` */
export async function signOut(c: Context<{ Bindings: Env }>): Promise<Response> {
  const context = requestContext(c.env, (work) => c.executionCtx.waitUntil(work))
  const session = await sessionOf(c.req.raw, context)
  const form = session && (await readForm(c.req.raw, session, context.config.issuer))
  if (form && "refused" in form) {
    const denial = { reason: "form_refused", what: form.refused } as const
    record({ method: "POST", path: "/sign-out", decision: "deny", code: "policy_denied", denial }, context)
    return plainPage("You are still signed in", <p>This did not come from a page of ours.</p>, { status: 403 })
  }
  await endSession(c.req.raw, context)
  const bundle = await bundleFor(context)
  const [first, ...others] = bundle ? signInIssuers(bundle) : []
  const there = first && others.length === 0 ? await signOutUrl(first, context).catch(() => null) : null
  const page = await plainPage(
    "Signed out",
    <>
      <p>You are signed out here. At your identity provider you may still be signed in.</p>
      <p class="row">
        <a class="button" href="/console">
          Sign in again
        </a>
        {there !== null && <a href={there}>Sign out there too</a>}
      </p>
    </>,
  )
  // A page of elsewhere can send a browser here, but not with its cookie: then there is none to take from it.
  if (cookieOf(c.req.raw, "session") !== null) page.headers.append("Set-Cookie", setCookie("session", "", 0))
  return page
}

/** A path of ours, and not what some reader takes for another host. */
function returnOf(text: string | undefined, issuer: string): string | null {
  const path = text ?? "/console"
  if (!/^\/(?![/\\])[\x21-\x7e]*$/.test(path) || path.length > MAX_RETURN) return null
  const url = URL.parse(path, issuer)
  if (url?.origin !== new URL(issuer).origin) return null
  const found = url.pathname + url.search
  // With its dots resolved it may begin like another host after all: `/.//evil.example`.
  return found.startsWith("//") ? null : found
}

function leavingOf(cookie: string | null): z.infer<typeof leavingSchema> | null {
  try {
    const bytes = Uint8Array.fromBase64(cookie ?? "", { alphabet: "base64url" })
    return leavingSchema.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return null
  }
}

function chooser(issuers: readonly SignInIssuer[], returnTo: string): Promise<Response> {
  const text =
    issuers.length === 0 ? (
      <p>
        No identity provider is configured for it: an entry of <code>issuers.yaml</code> needs <code>sign_in</code>.
      </p>
    ) : (
      <ul class="cards">
        {issuers.map(({ id, issuer }) => (
          <li class="card">
            <a href={`${signInLocation(returnTo)}&${new URLSearchParams({ issuer: id }).toString()}`}>{id}</a>
            <div class="quiet">{issuer}</div>
          </li>
        ))}
      </ul>
    )
  return plainPage("Sign in", text, { status: issuers.length === 0 ? 404 : 200 })
}

function failed(returnTo: string, what: string, because: Rejected | null, context: RequestContext): Promise<Response> {
  const denial = { reason: "sign_in_failed", what, because: because?.rejected ?? null } as const
  record({ decision: "deny", code: "invalid_token", denial }, context)
  return respondPage(
    <Page title="Not signed in" narrow>
      <h1>Not signed in</h1>
      <p>{`It did not work: ${what}.`}</p>
      <a class="button main" href={signInLocation(returnTo)}>
        Try again
      </a>
    </Page>,
    { status: 401, headers: { "Set-Cookie": setCookie("signIn", "", 0) } },
  )
}

function record(known: Partial<DecisionRecord>, { env, receivedAt, background }: RequestContext): void {
  const start = { id: newId("dec", receivedAt), at: receivedAt, kind: "management" } as const
  recordAtEdge(env, recordOf({ method: "GET", path: CALLBACK, ...known, ...start }), background)
}

const unavailable = (): Promise<Response> =>
  plainPage("Not now", <p>It cannot be looked up at the moment who may sign in. Try again in a minute.</p>, {
    status: 503,
    headers: { "Retry-After": "5" },
  })
