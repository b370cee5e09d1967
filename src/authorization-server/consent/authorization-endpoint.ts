/**
 * `/oauth/authorize` (RFC 6749 4.1.1, 4.1.2): a program sends a person here, they see what it asks for, leave of it what
 * they like, and it gets a code. Their answer is to the same URL, which is read again from its beginning: nothing but what
 * they say is believed of their browser. GET changes nothing.
 */
import type { Context } from "hono"
import type { Person } from "../../credentials/person.ts"
import type { Bundle } from "../../core/policy/assemble.ts"
import { userId } from "../../core/policy/principals.ts"
import { bundleFor, requestContext, type RequestContext } from "../../request-context.ts"
import { currentSwitches } from "../../revocation/lease.ts"
import { stoppedBy } from "../../core/signals/switch.ts"
import { askPerson, checkForAnybody } from "./ask-person.ts"
import { askingClient } from "./client.ts"
import { readRequest, stateOf } from "./authorization-request.ts"
import { refusalPage } from "./consent-page.tsx"
import { gather } from "../token/parameters.ts"
import { recordRefusal } from "../token/record-error.ts"
import { answerAt } from "../../core/encoding/redirect-uri.ts"
import {
  describeRefusal,
  isOAuthFailure,
  oauthErrorOf,
  oauthError,
  type OAuthError,
  type OAuthFailure,
} from "../../core/denials/oauth-error.ts"
import { newId } from "../../platform/new-id.ts"
import { rawTarget } from "../../platform/raw-target.ts"
import { resourceOwnerOf } from "./resource-owner.ts"

/** Where the answer goes. */
interface RedirectTarget {
  readonly uri: string
  readonly state: string | null
}

/** Why there is no code. */
interface Failed {
  readonly refused: OAuthError
  /** Null: who sends the person here, or where to, is not certain. */
  readonly place: RedirectTarget | null
  readonly agent: string | null
  readonly person: Person["user"] | null
  /** What is theirs is shown to the person: a program does not learn who has signed in, nor what they may do, unasked. */
  readonly isShown: boolean
}

/** What came of it: a page, the way to the sign-in, a code for the program, or why there is none. */
type AuthorizationResult = Response | { readonly code: string; readonly place: RedirectTarget } | Failed

const NO_IDENTITY = { place: null, agent: null, person: null, isShown: true } as const
const NO_STORE = { "Cache-Control": "no-store" } as const

export async function authorizationEndpoint(c: Context<{ Bindings: Env }>): Promise<Response> {
  const http = c.req.raw
  // Nobody has asked yet, a browser only looks ahead: nothing is shown, begun or recorded.
  if (http.method === "HEAD" || /prefetch|prerender/i.test(http.headers.get("sec-purpose") ?? "")) {
    return new Response(null, { status: 204, headers: NO_STORE })
  }
  const context = requestContext(c.env, (promise) => c.executionCtx.waitUntil(promise))
  const id = newId("dec", context.receivedAt)
  const bundle = await bundleFor(context)
  const outcome: AuthorizationResult = bundle
    ? await authorize(http, bundle, context, id)
    : { refused: { reason: "unavailable" }, ...NO_IDENTITY }
  if (outcome instanceof Response) return outcome
  if ("code" in outcome) return sendBack(outcome.place, { code: outcome.code }, context, id)
  record(outcome, bundle, context, id)
  const { refused, place, isShown } = outcome
  const { issuer: iss } = context.config
  if (!place || isShown) {
    return refusalPage(refused, id, place && answerAt(place.uri, { error: "access_denied", state: place.state, iss }))
  }
  const error = { error: oauthErrorOf(refused), error_description: inOAuthText(describeRefusal(refused)) }
  return sendBack(place, error, context, id)
}

async function authorize(
  http: Request,
  bundle: Bundle,
  context: RequestContext,
  id: string,
): Promise<AuthorizationResult> {
  const { parameters, repeated } = gather(new URL(rawTarget(http), context.config.issuer).search)
  // Of two clients or places either could be meant.
  const doubtful = repeated.find((name) => name === "client_id" || name === "redirect_uri")
  if (doubtful !== undefined)
    return { ...oauthError({ reason: "parameter_repeated", parameter: doubtful }), ...NO_IDENTITY }
  const client = await askingClient(parameters, bundle, context)
  if (isOAuthFailure(client)) return { ...client, ...NO_IDENTITY }
  const { id: agent } = client.agent
  const place = { uri: client.redirectUri, state: repeated.includes("state") ? null : stateOf(parameters) }
  const back = (failed: OAuthFailure): Failed => ({ ...failed, place, agent, person: null, isShown: false })
  const [again] = repeated
  if (again !== undefined) return back(oauthError({ reason: "parameter_repeated", parameter: again.slice(0, 64) }))
  const request = readRequest(parameters, client, bundle)
  if (isOAuthFailure(request)) return back(request)
  const futile = (await checkAgent(agent, context)) ?? checkForAnybody(request, bundle, context)
  if (futile) return back(futile)
  const visitor = await resourceOwnerOf(http, bundle, context)
  if (visitor instanceof Response) return visitor
  if (isOAuthFailure(visitor)) return { ...back(visitor), isShown: true }
  const outcome = await askPerson({ http, bundle, context, id }, request, visitor)
  if (outcome instanceof Response) return outcome
  if ("code" in outcome) return { code: outcome.code, place }
  const { refused } = outcome
  // What did not come from our page is answered where it came from: the program has nothing to do with it.
  const to = refused.reason === "form_refused" ? null : place
  return { refused, place: to, agent, person: visitor.person.user, isShown: refused.reason !== "consent_refused" }
}

async function checkAgent(agent: string, context: RequestContext): Promise<OAuthFailure | null> {
  const switches = await currentSwitches(context)
  if (!switches) return oauthError({ reason: "unavailable" })
  const by = stoppedBy(switches, { agents: [agent], user: null, kid: null, tool: null, since: context.receivedAt })
  return by && oauthError({ reason: "stopped", switch: by.id })
}

/** RFC 9207: with our name, so that the program does not take another server's answer for ours. */
function sendBack(
  { uri, state }: RedirectTarget,
  answer: Readonly<Record<string, string>>,
  { config }: RequestContext,
  id: string,
): Response {
  const Location = answerAt(uri, { ...answer, state, iss: config.issuer })
  const headers = { ...NO_STORE, Location, "Referrer-Policy": "no-referrer", "X-Narrowgate-Decision": id }
  // 303: what the person has sent us is not sent on.
  return new Response(null, { status: 303, headers })
}

/** RFC 6749 4.1.2.1 has no quotation marks in it. */
const inOAuthText = (text: string): string => text.replaceAll(/[^\x20-\x21\x23-\x5b\x5d-\x7e]/g, "'")

function record({ refused, agent, person }: Failed, bundle: Bundle | null, context: RequestContext, id: string): void {
  // The client proves itself at the token endpoint only: here, anybody can name it.
  const client = agent === null ? null : { agent, isProven: false, once: [] }
  if (!person) return recordRefusal(refused, client, bundle, id, context)
  const by = userId(person)
  recordRefusal(refused, client, bundle, id, context, {
    user: by,
    groups: person.groups,
    operator: by,
    kind: "approval",
  })
}
