/**
 * `/oauth/authorize` (RFC 6749, sections 4.1.1 and 4.1.2): a client sends a user here. The user sees the requested access,
 * may reduce it, and the client gets a code. The form posts to the same URL, whose parameters are validated again: nothing
 * else that the browser sends is trusted. GET changes nothing.
 */
import type { Context } from "hono"
import type { Person } from "../../credentials/person.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import { userId } from "../../core/policy/principals.ts"
import { bundleFor, requestContext, type RequestContext } from "../../request-context.ts"
import { currentSwitches } from "../../revocation/lease.ts"
import { stoppedBy } from "../../core/signals/switch.ts"
import { askPerson, checkForAnyUser } from "./ask-person.ts"
import { authorizationClient, type AuthorizationClient } from "./client.ts"
import { readRequest, stateOf } from "./authorization-request.ts"
import { errorPage } from "./consent-page.tsx"
import { gather } from "../token/parameters.ts"
import { recordOAuthError } from "../token/record-error.ts"
import { answerAt } from "../../core/encoding/redirect-uri.ts"
import { isLoopback } from "../../core/encoding/url.ts"
import {
  describeOAuthError,
  isOAuthFailure,
  oauthErrorOf,
  oauthError,
  type OAuthError,
  type OAuthFailure,
} from "../../core/denials/oauth-error.ts"
import { newId } from "../../platform/new-id.ts"
import { rawTarget } from "../../platform/raw-target.ts"
import { resourceOwnerOf } from "./resource-owner.ts"

/** The redirect URI of the response, with its `state`. */
interface RedirectTarget {
  readonly uri: string
  readonly state: string | null
}

/** The failure of a request. */
interface AuthorizationFailure {
  readonly refused: OAuthError
  /** Null if the client or its redirect URI is not certain. */
  readonly place: RedirectTarget | null
  readonly agent: string | null
  readonly person: Person["user"] | null
  /**
   * Whether the error is shown to the user only: a client must not learn who has signed in, or what they may do; and
   * nobody is sent where a stranger likes.
   */
  readonly isShown: boolean
}

/** A page, a redirect to the sign-in, a code for the client, or a failure. */
type AuthorizationResult = Response | { readonly code: string; readonly place: RedirectTarget } | AuthorizationFailure

const NO_IDENTITY = { place: null, agent: null, person: null, isShown: true } as const
const NO_STORE = { "Cache-Control": "no-store" } as const

export async function authorizationEndpoint(c: Context<{ Bindings: Env }>): Promise<Response> {
  const http = c.req.raw
  // A browser only prefetches the page: nothing is shown, started or recorded.
  if (http.method === "HEAD" || /prefetch|prerender/i.test(http.headers.get("sec-purpose") ?? "")) {
    return new Response(null, { status: 204, headers: NO_STORE })
  }
  const context = requestContext(c.env, (promise) => c.executionCtx.waitUntil(promise))
  const id = newId("dec", context.receivedAt)
  const bundle = await bundleFor(context)
  const result: AuthorizationResult = bundle
    ? await authorize(http, bundle, context, id)
    : { refused: { reason: "unavailable" }, ...NO_IDENTITY }
  if (result instanceof Response) return result
  if ("code" in result) return sendBack(result.place, { code: result.code }, context, id)
  record(result, bundle, context, id)
  const { place, isShown } = result
  const refused = result.person ? result.refused : toldAnyone(result.refused)
  const { issuer: iss } = context.config
  if (!place || isShown) {
    return errorPage(refused, id, place && answerAt(place.uri, { error: "access_denied", state: place.state, iss }))
  }
  const error = { error: oauthErrorOf(refused), error_description: inOAuthText(describeOAuthError(refused)) }
  return sendBack(place, error, context, id)
}

async function authorize(
  http: Request,
  bundle: Bundle,
  context: RequestContext,
  id: string,
): Promise<AuthorizationResult> {
  const { parameters, repeated } = gather(new URL(rawTarget(http), context.config.issuer).search)
  // With two clients or two redirect URIs, the request is ambiguous.
  const ambiguous = repeated.find((name) => name === "client_id" || name === "redirect_uri")
  if (ambiguous !== undefined)
    return { ...oauthError({ reason: "parameter_repeated", parameter: ambiguous }), ...NO_IDENTITY }
  const client = await authorizationClient(parameters, bundle, context)
  if (isOAuthFailure(client)) return { ...client, ...NO_IDENTITY }
  const { id: agent } = client.agent
  const place = { uri: client.redirectUri, state: repeated.includes("state") ? null : stateOf(parameters) }
  const back = (failed: OAuthFailure): AuthorizationFailure => ({
    ...failed,
    place,
    agent,
    person: null,
    isShown: isStrangers(client),
  })
  const [again] = repeated
  if (again !== undefined) return back(oauthError({ reason: "parameter_repeated", parameter: again.slice(0, 64) }))
  const request = readRequest(parameters, client, bundle)
  if (isOAuthFailure(request)) return back(request)
  const failure = (await checkAgent(agent, context)) ?? checkForAnyUser(request, bundle, context)
  if (failure) return back(failure)
  const owner = await resourceOwnerOf(http, bundle, context)
  if (owner instanceof Response) return owner
  if (isOAuthFailure(owner)) return { ...back(owner), isShown: true }
  const result = await askPerson({ http, bundle, context, id }, request, owner)
  if (result instanceof Response) return result
  if ("code" in result) return { code: result.code, place }
  const { refused } = result
  // A form that did not come from our page is answered here. The client did not send it.
  const target = refused.reason === "form_refused" ? null : place
  return { refused, place: target, agent, person: owner.person.user, isShown: refused.reason !== "consent_refused" }
}

/**
 * Whether anybody may have chosen the place, on the web: a client that has registered itself could make requests that
 * fail on purpose, and our URL would lead to a page of its own before anyone has signed in or read anything (RFC 9700,
 * section 4.11.2).
 */
function isStrangers({ agent, redirectUri }: AuthorizationClient): boolean {
  return agent.client?.registered === true && !isLoopback(new URL(redirectUri))
}

async function checkAgent(agent: string, context: RequestContext): Promise<OAuthFailure | null> {
  const switches = await currentSwitches(context)
  if (!switches) return oauthError({ reason: "unavailable" })
  const by = stoppedBy(switches, { agents: [agent], user: null, kid: null, tool: null, since: context.receivedAt })
  return by && oauthError({ reason: "stopped", switch: by.id })
}

/**
 * Anybody can make such a request, in the name of each client or of one that has just registered itself: what limits the
 * scopes that it names would tell them which tools there are.
 */
function toldAnyone(refused: OAuthError): OAuthError {
  return refused.reason === "nothing_left" ? { ...refused, lacking: {} } : refused
}

/** Redirects to the client, with `iss` (RFC 9207), so that the client cannot mistake the response of another server for ours. */
function sendBack(
  { uri, state }: RedirectTarget,
  answer: Readonly<Record<string, string>>,
  { config }: RequestContext,
  id: string,
): Response {
  const Location = answerAt(uri, { ...answer, state, iss: config.issuer })
  const headers = { ...NO_STORE, Location, "Referrer-Policy": "no-referrer", "X-Narrowgate-Decision": id }
  // 303: the browser must not send the form of the user to the client.
  return new Response(null, { status: 303, headers })
}

/** `error_description` may not contain quotation marks (RFC 6749, section 4.1.2.1). */
const inOAuthText = (text: string): string => text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'")

function record(
  { refused, agent, person }: AuthorizationFailure,
  bundle: Bundle | null,
  context: RequestContext,
  id: string,
): void {
  // The client authenticates at the token endpoint only: here, anyone can name it.
  const client = agent === null ? null : { agent, isProven: false, once: [] }
  if (!person) return recordOAuthError(refused, client, bundle, id, context)
  const by = userId(person)
  recordOAuthError(refused, client, bundle, id, context, {
    user: by,
    groups: person.groups,
    operator: by,
    kind: "approval",
  })
}
