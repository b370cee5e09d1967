/**
 * Sign-in and sign-out at our own pages. The sign-in authenticates only. Each page and each request to the API authorizes
 * its user anew, by the token of their session.
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
import { CALLBACK, tokenFor, authorizationUrl, signInIssuers, signOutUrl, type SignInIssuer } from "./provider.ts"
import { beginSession, endSession, MAX_SESSION_MS, sessionOf } from "./session.ts"

/** Seconds within which a user must return from the provider. */
const SIGN_IN_WITHIN = 600
/** The most characters of the return address, which is kept in a cookie of at most 4 KB. */
export const MAX_RETURN = 2_800

const pendingSchema = z.strictObject({
  issuer: z.string(),
  returnTo: z.string(),
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
})

/** The address of the sign-in. @param returnTo path and query of our own page to which the user returns */
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
    return plainPage("This link is not valid", <p>Its return address is not a page of Narrowgate, or is too long.</p>, {
      status: 400,
    })
  }
  const issuers = signInIssuers(bundle)
  const requested = c.req.query("issuer")
  const chosen = issuers.length === 1 ? issuers[0] : issuers.find(({ id }) => id === requested)
  if (!chosen) return chooser(issuers, returnTo)
  try {
    const { url, pending } = await authorizationUrl(chosen, context)
    const state = JSON.stringify({ issuer: chosen.id, returnTo, ...pending })
    const cookie = new TextEncoder().encode(state).toBase64({ alphabet: "base64url", omitPadding: true })
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
  const pending = pendingOf(cookieOf(c.req.raw, "signIn"))
  const issuer = signInIssuers(bundle).find(({ id }) => id === pending?.issuer)
  if (!pending || !issuer) return failed("/console", EXPIRED, null, context)
  // A user can change their cookies, so the return address is validated again.
  const returnTo = returnOf(pending.returnTo, context.config.issuer) ?? "/console"
  const arrived = new URL(c.req.url)
  // The redirect URI that was registered; a proxy in front of the Worker may have changed the host of this request.
  const answer = new URL(arrived.pathname + arrived.search, context.config.issuer)
  let token: string
  try {
    token = await tokenFor(issuer, answer, pending, context)
  } catch (error) {
    logEvent("sign_in_failed", { issuer: issuer.id, error: error instanceof Error ? error.message : String(error) })
    return failed(returnTo, "the response of the provider does not match the request", null, context)
  }
  const { receivedAt, config, fetchContext } = context
  const person = await verifyPersonToken(token, bundle.issuers, config.issuer, fetchContext)
  if (isRejected(person)) return failed(returnTo, "the token of the provider was rejected", person, context)
  const expiresAt = Math.min(person.expiresAt, receivedAt + MAX_SESSION_MS)
  const secret = await beginSession({ token, expiresAt, issuedAt: receivedAt }, context)
  const operator = userId({ issuer: person.issuer.issuer, subject: person.subject })
  record({ decision: "allow", code: "ok", operator }, context)
  // The earlier session of this browser ends.
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
    return plainPage("You are still signed in", <p>This form is out of date. Reload the page and try again.</p>, {
      status: 403,
    })
  }
  await endSession(c.req.raw, context)
  const bundle = await bundleFor(context)
  const [first, ...others] = bundle ? signInIssuers(bundle) : []
  const providerSignOut = first && others.length === 0 ? await signOutUrl(first, context).catch(() => null) : null
  const providerText = first && others.length === 0 ? first.id : "your identity provider"
  const page = await plainPage(
    "Signed out",
    <>
      <p>You are signed out of Narrowgate. You may still be signed in at {providerText}.</p>
      <p class="row">
        <a class="button" href="/console">
          Sign in again
        </a>
        {providerSignOut !== null && <a href={providerSignOut}>Sign out of {providerText}</a>}
      </p>
    </>,
  )
  // A form of another site arrives without the cookie, and must not delete it.
  if (cookieOf(c.req.raw, "session") !== null) page.headers.append("Set-Cookie", setCookie("session", "", 0))
  return page
}

/** A path of our own, which no browser reads as another host; null if it is none. */
function returnOf(text: string | undefined, issuer: string): string | null {
  const path = text ?? "/console"
  if (!/^\/(?![/\\])[\x21-\x7e]*$/.test(path) || path.length > MAX_RETURN) return null
  const url = URL.parse(path, issuer)
  if (url?.origin !== new URL(issuer).origin) return null
  const resolved = url.pathname + url.search
  // With its dot segments resolved, a path may begin like another host: `/.//evil.example`.
  return resolved.startsWith("//") ? null : resolved
}

function pendingOf(cookie: string | null): z.infer<typeof pendingSchema> | null {
  try {
    const bytes = Uint8Array.fromBase64(cookie ?? "", { alphabet: "base64url" })
    return pendingSchema.parse(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return null
  }
}

function chooser(issuers: readonly SignInIssuer[], returnTo: string): Promise<Response> {
  const text =
    issuers.length === 0 ? (
      <p>
        No identity provider is configured for sign-in. An entry of <code>issuers.yaml</code> needs <code>sign_in</code>
        .
      </p>
    ) : (
      <ul class="cards">
        {issuers.map(({ id, issuer }) => (
          <li class="card">
            <a
              class="button main"
              href={`${signInLocation(returnTo)}&${new URLSearchParams({ issuer: id }).toString()}`}
            >
              Continue with {id}
            </a>
            <div class="quiet">{issuer}</div>
          </li>
        ))}
      </ul>
    )
  return plainPage("Sign in to Narrowgate", text, { status: issuers.length === 0 ? 404 : 200 })
}

/** What the record says if the browser has no pending sign-in. */
const EXPIRED = "no sign-in is pending in this browser"

function failed(returnTo: string, what: string, because: Rejected | null, context: RequestContext): Promise<Response> {
  const denial = { reason: "sign_in_failed", what, because: because?.rejected ?? null } as const
  record({ decision: "deny", code: "invalid_token", denial }, context)
  return respondPage(
    <Page title="Not signed in" narrow>
      <h1>Not signed in</h1>
      <p>{what === EXPIRED ? "Sign-in expired. Start again in this browser." : `The sign-in failed: ${what}.`}</p>
      <a class="button main" href={signInLocation(returnTo)}>
        Try again
      </a>
    </Page>,
    { status: 401, headers: { "Set-Cookie": setCookie("signIn", "", 0) } },
  )
}

function record(fields: Partial<DecisionRecord>, { env, receivedAt, background }: RequestContext): void {
  const start = { id: newId("dec", receivedAt), at: receivedAt, kind: "management" } as const
  recordAtEdge(env, recordOf({ method: "GET", path: CALLBACK, ...fields, ...start }), background)
}

const unavailable = (): Promise<Response> =>
  plainPage("Temporarily unavailable", <p>Sign-in is unavailable at the moment. Try again in a minute.</p>, {
    status: 503,
    headers: { "Retry-After": "5" },
  })
